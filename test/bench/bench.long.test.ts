// test limit: 240 s
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const BENCH = fileURLToPath(new URL('../../bench/main.ts', import.meta.url));

test('the small benchmark of the chain publishes the same energy as the script beside it, and reports both', async () => {
    // the benchmark itself fails where intervals or kWh of the two differ
    const { stdout } = await run(process.execPath, [BENCH, 'chain', '--meters', '1000', '--json']);
    const { chain } = JSON.parse(stdout);
    // 96 quarter-hours of 1,000 meters, and about 1 % corrections
    assert.ok(chain.rows > 96_000 && chain.rows < 98_000, `${chain.rows} rows`);
    assert.deepEqual(Object.keys(chain.stages), ['receive, parse, append', 'curate, roll up, commit']);
    const parts = Object.values<{ seconds: number; parts: Record<string, { seconds: number }> }>(
        chain.stages,
    );
    assert.deepEqual(
        parts.map((stage) => Object.keys(stage.parts)),
        [
            ['receive', 'parse, append'],
            ['partitions', 'open tables'],
        ],
    );
    for (const { seconds, parts: of } of parts) {
        const sum = Object.values(of).reduce((all, part) => all + part.seconds, 0);
        assert.ok(
            Object.values(of).every((part) => part.seconds > 0) && sum <= seconds && sum > seconds - 0.05,
        );
    }
    assert.ok(chain.seconds > 0 && chain.peakRssBytes > 0 && chain.peers.duckdb.seconds > 0);
});

test('the small benchmark of loads loads every kind, and reports the first load and the repeated one', async () => {
    const { stdout } = await run(process.execPath, [BENCH, 'load', '--rows', '300', '--json']);
    const { load } = JSON.parse(stdout);
    assert.deepEqual(
        load.map(({ kind, rows }: { kind: string; rows: number }) => [kind, rows]),
        ['customers', 'accounts', 'metering-points', 'agreements', 'attributes'].map((kind) => [kind, 300]),
    );
    for (const { seconds, againSeconds } of load) assert.ok(seconds > 0 && againSeconds > 0);
});

test('the small benchmark of a market publishes what was simulated, alone and through two workers, each thing done once', async () => {
    // the benchmark itself fails where readings, kWh, payloads parsed or partitions made are not those expected
    const args = ['market', '--channels', '600', '--bucket', '128', '--workers', '2', '--json'];
    const { stdout } = await run(process.execPath, [BENCH, ...args]);
    const { market } = JSON.parse(stdout);
    assert.deepEqual([market.readings, market.partitions], [600 * 48, 5]);
    assert.equal(market.together.peakRssBytes.length, 2);
    for (const run of [market.alone, market.together]) assert.ok(run.seconds > 0 && run.cpuSeconds > 0);
});

test('the small benchmark of the seam gives the statements of a refresh to the engine once more', async () => {
    const { stdout } = await run(process.execPath, [BENCH, 'seam', '--meters', '200', '--json']);
    const { seam } = JSON.parse(stdout);
    // one job of one bucket: what it registers, computes and writes
    assert.ok(seam.statements > 30, `${seam.statements} statements`);
    assert.ok(seam.seconds > seam.compileSeconds && seam.peers.duckdb.seconds > 0);
});
