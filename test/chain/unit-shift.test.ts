// test limit: 600 s
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type ChainWorld, checkFile, openChainWorld, readingsCsv, variedContract } from './chain-world.ts';

const QUARTER = 900_000;
const FROM = Date.parse('2013-05-01T00:00:00Z');
const METERS = Array.from({ length: 12 }, (_, i) => `M${i}`);
const SETTINGS = {
    refuse: { unitShift: "'refuse'" },
    flag: { unitShift: "'flag'" },
    off: {},
    both: { unitShift: "'refuse'", stampShift: "'flag'" },
    flags: { unitShift: "'flag'", stampShift: "'flag'" },
    week: { unitShift: "'refuse'" },
} as const;
type Feed = keyof typeof SETTINGS;
let world: ChainWorld;

/** Days of twelve homes that vary from day to day by a third, with `factor` times the energy. */
function file(feed: Feed, first: number, days: number, factor = 1, meters = METERS, lag = 0): string {
    const rows = meters.flatMap((meter, m) =>
        Array.from({ length: days * 96 }, (_, i) => {
            const quarter = first * 96 + i;
            const day = Math.floor(quarter / 96);
            const hour = ((((quarter - lag) % 96) + 96) % 96) / 4;
            const weather = 1 + 0.15 * Math.sin(day * 1.7) + 0.1 * Math.sin(day * (m + 1));
            const kwh = (0.05 + 0.3 * Math.exp(-((hour - 19) ** 2) / 3)) * weather * (1 + m / 12);
            const at = FROM + quarter * QUARTER;
            return { meter: `${meter}-${feed}`, at, minutes: 15, kwh: (kwh * factor).toFixed(6) };
        }),
    );
    return readingsCsv(rows);
}

before(async () => {
    world = await openChainWorld({ marketZone: 'UTC' });
    for (const [feed, settings] of Object.entries(SETTINGS))
        world.contract(feed, variedContract('generic-csv', feed, { ...settings, intervalMinutes: '15' }));
    for (const feed of Object.keys(SETTINGS) as Feed[]) {
        const { parsed } = await world.ingest(feed, { 'before.csv': file(feed, 0, 14) });
        assert.deepEqual([parsed.versions, parsed.refused, parsed.flags], [14 * 96 * 12, 0, []]);
    }
});

after(() => world.end());

test('a file that goes on as before is accepted, one in another unit is refused and told by which', async () => {
    const regular = await world.ingest('refuse', { 'regular.csv': file('refuse', 14, 2) });
    assert.deepEqual([regular.parsed.refused, regular.parsed.versions], [0, 2 * 96 * 12]);
    // half of the people are away: no unit
    const away = await world.ingest('refuse', { 'away.csv': file('refuse', 16, 1, 0.55) });
    assert.equal(away.parsed.refused, 0, away.parsed.refusals[0]?.message);
    for (const [factor, unit, times] of [
        [1000, 'Wh', /is \d{3,4} times what it was/],
        [0.001, 'MWh', /is 1\/\d{3,4} of what it was/],
        [4, 'kW', /is [345](\.\d+)? times what it was/],
    ] as const) {
        const { parsed } = await world.ingest('refuse', {
            [`${unit}.csv`]: file('refuse', 17, 1, factor),
        });
        const [refusal] = parsed.refusals;
        assert.deepEqual([parsed.refused, parsed.versions, refusal?.ruleId], [1, 0, 'file.unit-moved']);
        assert.match(refusal?.message ?? '', times);
        assert.match(refusal?.message ?? '', /^On 2013-05-18 the energy of 12 channels is /);
        assert.match(
            refusal?.message ?? '',
            /By the contract refuse 1\.0\.0 rows name their unit: probably a wrong one/,
        );
        assert.ok(refusal?.message.endsWith(`as where ${unit} are called kWh.`), refusal?.message);
    }
});

test('by contract it comes in and is marked; off, nothing is looked for; few channels say nothing', async () => {
    const flagged = await world.ingest('flag', { 'watts.csv': file('flag', 14, 1, 1000) });
    assert.deepEqual(
        [flagged.parsed.refused, flagged.parsed.versions, flagged.parsed.flags[0]?.ruleId],
        [0, 96 * 12, 'file.unit-moved'],
    );
    const off = await world.ingest('off', { 'watts.csv': file('off', 14, 1, 1000) });
    assert.deepEqual([off.parsed.refused, off.parsed.flags], [0, []]);
    const few = await world.ingest('refuse', { 'few.csv': file('refuse', 18, 1, 1000, METERS.slice(0, 9)) });
    assert.deepEqual([few.parsed.refused, few.parsed.versions], [0, 96 * 9]);
});

test('days of the wrong unit that came in do not hide the next ones, and a week shows that changes on its last day', async () => {
    for (const day of [15, 16, 17]) {
        const { parsed } = await world.ingest('flag', { [`day${day}.csv`]: file('flag', day, 1, 1000) });
        assert.deepEqual([parsed.refused, parsed.flags[0]?.ruleId], [0, 'file.unit-moved'], String(day));
    }
    const [header = '', ...days] = file('week', 14, 6).split('\n');
    const [, ...last] = file('week', 20, 1, 1000).split('\n');
    const week = await world.ingest('week', {
        'week.csv': [header, ...days.filter(Boolean), ...last].join('\n'),
    });
    assert.equal(week.parsed.refusals[0]?.ruleId, 'file.unit-moved');
    assert.match(week.parsed.refusals[0]?.message ?? '', /^On 2013-05-21 /);
});

test('of a file that is odd in both ways, what its contract refuses it for is told once', async () => {
    const { parsed } = await world.ingest('both', { 'both.csv': file('both', 14, 2, 1000, METERS, 4) });
    assert.deepEqual([parsed.refused, parsed.versions, parsed.flags], [1, 0, []]);
    assert.equal(parsed.refusals[0]?.ruleId, 'file.unit-moved');
    const flags = await world.ingest('flags', { 'both.csv': file('flags', 14, 2, 1000, METERS, 4) });
    assert.deepEqual(
        [flags.parsed.versions, ...flags.parsed.flags.map(({ ruleId }) => ruleId).sort()],
        [2 * 96 * 12, 'file.stamps-moved', 'file.unit-moved'],
    );
    const moved = await world.ingest('both', { 'moved.csv': file('both', 14, 2, 1, METERS, 4) });
    assert.deepEqual([moved.parsed.refused, moved.parsed.flags[0]?.ruleId], [0, 'file.stamps-moved']);
});

test('a check of the file says so before', async () => {
    const check = (text: string) => checkFile(world, 'refuse', text);
    assert.equal((await check(file('refuse', 20, 1, 1000))).refused?.ruleId, 'file.unit-moved');
    assert.equal((await check(file('refuse', 20, 1))).refused, undefined);
});
