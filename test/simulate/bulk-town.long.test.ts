import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { readStatus } from '../../src/pipeline/status.ts';
import { ingestTown, loadTownMaster } from '../../src/pipeline/town-chain.ts';
import { type ChainWorld, openChainWorld } from '../chain/chain-world.ts';
import { runCommand } from '../cli/run-command.ts';

let world: ChainWorld;

before(async () => {
    world = await openChainWorld({ marketZone: 'Europe/London' });
});

after(() => world.end());

const simulate = (out: string, ...args: string[]) =>
    runCommand(undefined, 'simulate', '--out', out, '--delivery', 'bulk-day', ...args);

test('a bulk day that the command wrote publishes what its truth says: simulated, loaded, ingested, refreshed', async () => {
    const out = path.join(world.folder, 'bulk');
    // the longest day of the year
    const made = await simulate(out, '--homes', '150', '--from', '2024-10-27', '--corrections-rate', '0.05');
    assert.equal(made.code, 0, made.said);
    const totals = JSON.parse(readFileSync(path.join(out, 'truth', 'totals.json'), 'utf8'));
    assert.equal(totals.intervals.expected, 150 * 100);
    assert.ok(totals.superseded > 500 && totals.superseded < 1000, `${totals.superseded}`);
    assert.match(made.out, /^intervals: expected 15,000, good 15,000, estimated 0, missing 0, kWh \(/m);
    await loadTownMaster(world.workspace, path.join(out, 'master'));
    const { parsed } = await ingestTown(world.workspace, out, 'generic-csv');
    assert.deepEqual([parsed.records, parsed.versions], [totals.rows, totals.rows]);
    await refreshAll(world.workspace);
    const status = await readStatus(world.workspace.lake);
    assert.deepEqual(
        [
            status.channels,
            status.intervalsExpected,
            status.intervalsMeasured,
            status.intervalsMissing,
            status.superseded,
        ],
        [totals.channels, totals.intervals.expected, totals.intervals.good, 0, totals.superseded],
    );
    assert.equal(status.kwh, `${totals.intervals.kwh.to_customer.total}000`);
});

test('without corrections there is no file of them, and the same seed gives the same bytes', async () => {
    const [one, two] = ['one', 'two'].map((name) => path.join(world.folder, name));
    for (const out of [one ?? '', two ?? '']) {
        const made = await simulate(out, '--homes', '3', '--corrections-rate', '0', '--json');
        const totals = JSON.parse(made.out);
        assert.deepEqual([totals.rows, totals.superseded], [3 * 96, 0]);
        assert.ok(!existsSync(path.join(out, 'corrections.csv')));
        const list = readFileSync(path.join(out, 'deliveries.ndjson'), 'utf8');
        assert.equal(
            list,
            '{"order":1,"path":"deliveries/000001-readings.csv","feed":"generic-csv","rows":288,"flaws":[]}\n',
        );
    }
    const bytes = (out = '') => readFileSync(path.join(out, 'deliveries', '000001-readings.csv'));
    assert.ok(bytes(one).equals(bytes(two)));
    const again = await simulate(one ?? '', '--homes', '3');
    assert.equal(again.code, 2);
    assert.match(again.said, /^error usage\.invalid: simulate: the folder .* is not empty$/m);
});

test('what a bulk day cannot have is wrong usage, all of it told at once', async () => {
    const out = path.join(world.folder, 'refused');
    const refused = await simulate(
        out,
        '--minutes',
        '30',
        '--feed',
        'lcl',
        '--flaws',
        'late=0.1',
        '--to',
        '2024-03-01',
    );
    assert.equal(refused.code, 2);
    assert.match(
        refused.said,
        /of a bulk-day --minutes is 15, --to is 2024-01-02, the day after --from, --feed is generic-csv, --flaws is none;/,
    );
    const rate = await simulate(out, '--corrections-rate', '2');
    assert.equal(rate.code, 2);
    assert.match(rate.said, /--corrections-rate .*'2' is invalid. A share from 0 to 1 is expected/);
    const town = await runCommand(undefined, 'simulate', '--out', out, '--corrections-rate', '0.1');
    assert.equal(town.code, 2);
    assert.match(town.said, /--corrections-rate is for --delivery bulk-day; elsewhere it is a flaw/);
    assert.ok(!existsSync(out));
});
