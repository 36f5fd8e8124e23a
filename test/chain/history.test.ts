// test limit: 240 s
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { type ReadingHistory, readingHistory } from '../../src/pipeline/reading-history.ts';
import {
    type ChainWorld,
    handClock,
    openChainWorld,
    type ReadingRow,
    readingsCsv,
    variedContract,
} from './chain-world.ts';

const clock = handClock('2013-06-10T00:00:00Z');
const FROM = Date.parse('2013-06-03T00:00:00Z');
const HALF = 1_800_000;
const METERS = 'metering_point_id,meter_id,interval_minutes,valid_from,valid_to\n';
let world: ChainWorld;

const at = (slot: number, more: Partial<ReadingRow> = {}): ReadingRow => ({
    meter: 'A',
    at: FROM + slot * HALF,
    kwh: `${slot}.5`,
    ...more,
});

/** Rows of other meters around those of the meter that is asked for, so that lines must be counted. */
const noise = (n: number): ReadingRow[] =>
    Array.from({ length: n }, (_, i) => ({ meter: `X${i % 7}`, at: FROM + (i % 40) * HALF, kwh: `${i}` }));

async function ingest(feed: string, name: string, content: string | Uint8Array): Promise<void> {
    clock.at += 60_000;
    await world.ingest(feed, { [name]: content });
}

before(async () => {
    world = await openChainWorld({ marketZone: 'Europe/London', clock });
    world.contract(
        'plain',
        variedContract('generic-csv', 'plain', { versionStamp: 'none' }).replace(
            / {6}- name: version\n[\s\S]*?value: version\n/,
            '',
        ),
    );
    world.contract('low', variedContract('generic-csv', 'low', { rank: '50' }));
    world.contract('waits', variedContract('generic-ndjson', 'waits', { unknownMeter: 'wait' }));
    await world.load('metering-points', 'm.csv', `${METERS}P1,A,30,2013-06-03T00:00:00Z,\n`);
    await ingest(
        'generic-csv',
        'first.csv',
        readingsCsv([...noise(500), ...[0, 1, 2, 3, 4].map((s) => at(s)), at(7)]),
    );
    await ingest(
        'generic-csv',
        'again.csv.gz',
        gzipSync(readingsCsv([at(0), ...noise(3), at(1, { kwh: '9.9', version: 2 })])),
    );
    await ingest('low', 'low.csv', readingsCsv([at(2, { kwh: '77', version: 99 })]));
    await ingest(
        'generic-csv',
        'estimate.csv',
        readingsCsv([at(3, { kwh: '3.3', quality: 'E', version: 5 })]),
    );
    await ingest('generic-csv', 'withdrawn.csv', readingsCsv([at(4, { quality: 'W', version: 3, kwh: '' })]));
    await ingest('generic-csv', 'twice.csv', readingsCsv([at(5), ...noise(2), at(5, { kwh: '5.75' })]));
    await ingest('generic-csv', 'broken.csv', readingsCsv([at(6, { kwh: '1e5' }), at(6)]));
    await ingest(
        'generic-csv',
        'stamp.csv',
        readingsCsv([at(6)]).replace('2013-06-03T03:00:00Z', 'yesterday'),
    );
    await ingest(
        'waits',
        'z.ndjson',
        `${JSON.stringify({ meter_id: 'Z', read_at: '2013-06-03T00:00:00Z', minutes: 30, value: 2.5, unit: 'kWh' })}\n`,
    );
    await refreshAll(world.workspace);
});
after(() => world.end());

async function history(meter: string, slots: [number, number]): Promise<ReadingHistory> {
    const period = { from: FROM + slots[0] * HALF, to: FROM + slots[1] * HALF };
    return readingHistory(world.workspace, { meter, period });
}

/** `kwh file:line outcome reason`, one for each version of one interval. */
async function told(slot: number): Promise<string[]> {
    const { intervals } = await history('A', [slot, slot + 1]);
    assert.ok(intervals.length <= 1);
    return (intervals[0]?.versions ?? []).map(
        (v) => `${v.kwh === null ? '-' : Number(v.kwh)} ${v.sourceKey}:${v.line} ${v.outcome} ${v.reason}`,
    );
}

test('each version is told with its file, its line in it and why it won or lost', async () => {
    assert.deepEqual(await told(0), [
        '0.5 first.csv:502 winning only',
        '0.5 again.csv.gz:2 duplicate duplicate',
    ]);
    assert.deepEqual(await told(1), [
        '9.9 again.csv.gz:6 winning won',
        '1.5 first.csv:503 superseded newer-stamp',
    ]);
    assert.deepEqual(await told(2), ['2.5 first.csv:504 winning won', '77 low.csv:2 superseded precedence']);
    assert.deepEqual(await told(3), [
        '3.5 first.csv:505 winning won',
        '3.3 estimate.csv:2 superseded measured-over-estimated',
    ]);
    assert.deepEqual(await told(4), [
        '- withdrawn.csv:2 withdrawn won',
        '4.5 first.csv:506 superseded newer-stamp',
    ]);
});

test('an interval twice in one file is told by its lines', async () => {
    assert.deepEqual(await told(5), [
        '5.75 twice.csv:5 winning won',
        '5.5 twice.csv:2 superseded later-receipt',
    ]);
});

test('the words name what it lost to', async () => {
    const { intervals } = await history('A', [1, 3]);
    assert.deepEqual(
        intervals.map(({ versions }) => versions.map(({ why }) => why)),
        [
            [
                'won: newer stamp (2 after none)',
                'superseded by 9.900000 kWh of generic-csv, receipt r2: older stamp (none before 2)',
            ],
            [
                'won: feed generic-csv (rank 100) goes before low (rank 50)',
                'superseded by 2.500000 kWh of generic-csv, receipt r1: feed generic-csv (rank 100) goes before low (rank 50)',
            ],
        ],
    );
    const [first] = intervals;
    assert.equal(first?.versions[0]?.receivedAt, '2013-06-10T00:02:00Z');
    assert.equal(first?.versions[0]?.receiptId, 'r2');
    assert.equal(first?.versions[0]?.text, 'A,1,2013-06-03T00:30:00Z,30,9.9,kWh,A,2');
});

test('the metering point names it too, and rows that broke a rule stand beside it', async () => {
    const asked = await history('P1', [6, 7]);
    assert.deepEqual(
        asked.intervals.map(({ versions }) => versions.map((v) => `${v.sourceKey}:${v.line}`)),
        [['broken.csv:3']],
    );
    assert.deepEqual(
        asked.quarantined.map((q) => `${q.sourceKey}:${q.line} ${q.periodFrom} ${q.why}`),
        ['broken.csv:2 2013-06-03T03:00:00Z row.value-format', 'stamp.csv:2 null row.stamp-format'],
    );
});

test('a row that waits is found by the name that its file gives', async () => {
    const { intervals, waiting } = await history('Z', [0, 1]);
    assert.deepEqual(intervals, []);
    assert.deepEqual(
        waiting.map((w) => `${w.sourceKey}:${w.line} ${w.kwh} ${w.why}`),
        ['z.ndjson:1 2.500000 waiting.meter-unknown'],
    );
    await assert.rejects(history('nobody', [0, 1]), { code: 'trace.meter-unknown' });
});

test('a version whose meter was not there then is told as outside, and found with the other meter by its line', async () => {
    await world.load(
        'metering-points',
        'exchange.csv',
        `${METERS}P1,A,30,2013-06-03T00:00:00Z,2013-06-03T03:30:00Z\nP1,B,30,2013-06-03T03:30:00Z,\n`,
    );
    const { intervals, waiting } = await history('A', [7, 8]);
    assert.deepEqual(
        intervals.map(({ versions }) =>
            versions.map((v) => `${v.sourceKey}:${v.line} ${v.outcome} ${v.reason}`),
        ),
        [['first.csv:507 outside outside-validity']],
    );
    assert.deepEqual(
        waiting.map((w) => `${w.sourceKey}:${w.line} ${w.why}`),
        ['first.csv:507 waiting.outside-validity'],
    );
});
