// test limit: 600 s
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readStatus } from '../../src/pipeline/status.ts';
import { type ChainWorld, checkFile, openChainWorld, readingsCsv, variedContract } from './chain-world.ts';

const SLOT = 1_800_000;
const FROM = Date.parse('2013-05-01T00:00:00Z');
const METERS = Array.from({ length: 12 }, (_, i) => `M${i}`);
let world: ChainWorld;

/** Days of twelve homes with morning and evening peaks that vary from day to day, stamped `lag` half-hours late. */
function file(feed: string, first: number, count: number, lag = 0, meters = METERS): string {
    const rows = meters.flatMap((meter, m) =>
        Array.from({ length: count * 48 }, (_, i) => {
            const slot = first * 48 + i;
            const hour = ((slot - lag) % 48) / 2;
            const peak = (at: number) => Math.exp(-((hour - at) ** 2) / 3);
            const noise = ((slot * 7919 + m * 104_729) % 97) / 970;
            const kwh = 0.1 + peak(7.5) * 0.5 + peak(19) + noise;
            return { meter: `${meter}-${feed}`, at: FROM + slot * SLOT, kwh: kwh.toFixed(3) };
        }),
    );
    return readingsCsv(rows);
}

before(async () => {
    world = await openChainWorld({ marketZone: 'UTC' });
    for (const stampShift of ['refuse', 'flag', 'off'])
        world.contract(
            stampShift,
            variedContract('generic-csv', stampShift, {
                stampShift: `'${stampShift}'`,
                intervalMinutes: '30',
            }),
        );
    for (const feed of ['refuse', 'flag', 'off']) {
        const { parsed } = await world.ingest(feed, { 'before.csv': file(feed, 0, 20) });
        assert.deepEqual([parsed.versions, parsed.refused, parsed.flags], [20 * 48 * 12, 0, []]);
    }
});

after(() => world.end());

test('a file that goes on as before is accepted, one moved by an interval or an hour is refused and says by how much', async () => {
    const regular = await world.ingest('refuse', { 'regular.csv': file('refuse', 20, 2) });
    assert.deepEqual([regular.parsed.refused, regular.parsed.versions], [0, 2 * 48 * 12]);
    for (const [lag, by] of [
        [1, '30 minutes later'],
        [-1, '30 minutes earlier'],
        [2, '60 minutes later'],
        [-2, '60 minutes earlier'],
    ] as const) {
        const { parsed } = await world.ingest('refuse', { [`lag${lag}.csv`]: file('refuse', 22, 2, lag) });
        assert.deepEqual(
            [parsed.refused, parsed.versions, parsed.refusals[0]?.ruleId],
            [1, 0, 'file.stamps-moved'],
        );
        assert.ok(
            parsed.refusals[0]?.message.includes(`lies ${by} than that of the days before`),
            parsed.refusals[0]?.message,
        );
        assert.match(
            parsed.refusals[0]?.message ?? '',
            /contract refuse 1\.0\.0 says that stamps mark the start/,
        );
    }
});

test('by contract it comes in and is marked', async () => {
    const { parsed } = await world.ingest('flag', { 'late.csv': file('flag', 20, 1, 2) });
    assert.deepEqual(
        [parsed.refused, parsed.versions, parsed.flags[0]?.ruleId],
        [0, 48 * 12, 'file.stamps-moved'],
    );
    const flags = await world.workspace.db.query(
        'select source_key as file, rule_id as rule from flagged_payloads',
    );
    assert.deepEqual(flags, [{ file: 'late.csv', rule: 'file.stamps-moved' }]);
});

test('off means that nothing is looked for, and few channels or days say nothing', async () => {
    const off = await world.ingest('off', { 'late.csv': file('off', 20, 1, 2) });
    assert.deepEqual([off.parsed.refused, off.parsed.flags], [0, []]);
    const few = await world.ingest('refuse', { 'few.csv': file('refuse', 22, 1, 2, METERS.slice(0, 9)) });
    assert.equal(few.parsed.refused, 0);
    const later = await world.ingest('refuse', { 'later.csv': file('refuse', 60, 1, 2) });
    assert.equal(later.parsed.refused, 0);
    const s = await readStatus(world.workspace.lake);
    assert.equal(s.rowsReceived, s.versions + s.rowsQuarantined + s.rowsWaiting);
});

test('a check of the file says so before', async () => {
    const check = (text: string) => checkFile(world, 'refuse', text);
    assert.equal((await check(file('refuse', 22, 1, 2))).refused?.ruleId, 'file.stamps-moved');
    assert.equal((await check(file('refuse', 22, 1))).refused, undefined);
});
