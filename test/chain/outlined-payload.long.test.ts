import assert from 'node:assert/strict';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { knownFeed } from '../../src/ingest/delivering-feeds.ts';
import { parsePending } from '../../src/ingest/parse-pending.ts';
import { calendarDate } from '../../src/kernel/calendar-date.ts';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { readingHistory } from '../../src/pipeline/reading-history.ts';
import { onlyDay, traceTotals } from '../../src/pipeline/total-trace.ts';
import { receive } from '../../src/raw/receive.ts';
import { namedChannels } from '../../src/registry/named-channels.ts';
import {
    type ChainWorld,
    handClock,
    openChainWorld,
    type ReadingRow,
    readingsCsv,
    variedContract,
} from './chain-world.ts';

const FEED = 'generic-csv';
const FROM = Date.parse('2024-05-01T00:00:00Z');
const METERS = Array.from({ length: 30 }, (_, i) => `M${String(i).padStart(2, '0')}`);
const BLOCK_BYTES = 512;

let world: ChainWorld;
before(async () => {
    world = await openChainWorld({ marketZone: 'UTC', clock: handClock('2024-05-06T00:00:00Z') });
    const rows = METERS.map((meter) => `P${meter},${meter},60,2024-05-01`).join('\n');
    await world.load(
        'metering-points',
        'points.csv',
        `metering_point_id,meter_id,interval_minutes,valid_from\n${rows}\n`,
    );
});
after(() => world.end());

function dayOf(no: number): ReadingRow[] {
    return METERS.flatMap((meter, m) =>
        Array.from({ length: 24 }, (_, hour) => ({
            meter,
            at: FROM + (no * 24 + hour) * 3_600_000,
            minutes: 60,
            kwh: `0.${100 + m + hour}`,
        })),
    );
}

/** Receives a file that is read in place, and outlined in small blocks. */
async function deliver(name: string, rows: readonly ReadingRow[]): Promise<number> {
    const { db, raw, lake, home, clock } = world.workspace;
    const feed = await knownFeed(db, home.folder, FEED, clock);
    const source = { feedId: feed.feedId, name: FEED, repeatWindowDays: 35 };
    let sequence = 0;
    const bytes = Buffer.from(readingsCsv(rows));
    for await (const receipt of receive(raw, source, [{ sourceKey: name, bytes }]))
        sequence = receipt.sequence;
    const { scratchFolder } = home;
    const read = { lake, rawFolder: raw.folder, scratchFolder, feeds: [feed] };
    await parsePending({ ...read, plainBytes: 1000, blockBytes: BLOCK_BYTES });
    await refreshAll(world.workspace);
    return sequence;
}

async function traceDay(meter: string, day: string) {
    const named = await namedChannels(world.workspace.lake.db, meter);
    return traceTotals(world.workspace, { named, days: onlyDay(calendarDate(day)), readsLines: true });
}

async function linesOf(meter: string, day: string): Promise<(number | null)[]> {
    const days = await traceDay(meter, day);
    const intervals = days.flatMap(({ hours }) => hours.flatMap((hour) => hour.intervals));
    return intervals.flatMap(({ versions }) => versions.map(({ line }) => line));
}

/** Works while one byte of the payload's line is another. */
async function withDamage(sequence: number, lineNo: number, work: () => Promise<unknown>): Promise<void> {
    const [segment] = await world.workspace.db.query<{ path: string }>(
        'select path from segments where first_sequence = $1',
        [sequence],
    );
    const file = openSync(path.join(world.workspace.raw.folder, segment?.path ?? ''), 'r+');
    try {
        const bytes = Buffer.alloc(1 << 20);
        const text = bytes.toString('latin1', 0, readSync(file, bytes, 0, bytes.length, 0));
        // the segment's header is a line too
        const at = text.split('\n', lineNo).join('\n').length + 1;
        writeSync(file, Buffer.from([bytes.readUInt8(at) ^ 1]), 0, 1, at);
        await work();
        writeSync(file, bytes, at, 1, at);
    } finally {
        closeSync(file);
    }
}

test('of a sorted payload only the blocks of the meter are read, each compared with what was received', async () => {
    const sequence = await deliver('sorted.csv', dayOf(0));
    const expected = METERS.map((_, m) => Array.from({ length: 24 }, (_, hour) => 2 + m * 24 + hour));
    for (const [m, meter] of METERS.entries())
        assert.deepEqual(await linesOf(meter, '2024-05-01'), expected[m]);
    // a line of the last meter
    await withDamage(sequence, 2 + 29 * 24 + 3, async () => {
        for (const m of [0, 14]) assert.deepEqual(await linesOf(METERS[m] ?? '', '2024-05-01'), expected[m]);
        await assert.rejects(linesOf('M29', '2024-05-01'), { code: 'raw.segment-damaged' });
        await world.workspace.db.query('delete from payload_outlines where sequence = $1', [sequence]);
        await assert.rejects(linesOf('M00', '2024-05-01'), { code: 'raw.segment-damaged' });
    });
    // without an outline it is read as a whole, and says the same
    assert.deepEqual(await linesOf('M14', '2024-05-01'), expected[14]);
});

test('a payload that only looks sorted, or does not, gives every line all the same', async () => {
    // the first lines of blocks are in order, and the readings of one meter stand among those of others
    const moved = dayOf(1).filter(({ meter }) => meter === 'M05');
    const others = dayOf(1).filter(({ meter }) => meter !== 'M05');
    const looksSorted = [
        ...others.slice(0, 300),
        ...moved.slice(0, 2),
        ...others.slice(300),
        ...moved.slice(2),
    ];
    const sequences = [
        await deliver('looks-sorted.csv', looksSorted),
        await deliver(
            'by-time.csv',
            dayOf(2).toSorted((a, b) => a.at - b.at),
        ),
    ];
    const [outlined] = await world.workspace.db.query<{ n: number }>(
        'select count(*)::integer as n from payload_outlines where sequence = any($1)',
        [sequences],
    );
    assert.equal(outlined?.n, 2);
    const lines = (rows: readonly ReadingRow[], meter: string) =>
        rows.flatMap((row, i) => (row.meter === meter ? [i + 2] : []));
    for (const meter of ['M00', 'M05', 'M29']) {
        assert.deepEqual(await linesOf(meter, '2024-05-02'), lines(looksSorted, meter));
        const byTime = dayOf(2).toSorted((a, b) => a.at - b.at);
        assert.deepEqual(await linesOf(meter, '2024-05-03'), lines(byTime, meter));
    }
});

test('the history of a meter has the lines of rows that are no versions too', async () => {
    const unknown = dayOf(3).map((row) => (row.meter === 'M29' ? { ...row, meter: 'M30' } : row));
    world.contract(FEED, variedContract(FEED, FEED, { unknownMeter: 'wait' }));
    await deliver('unknown.csv', unknown);
    const period = { from: FROM + 72 * 3_600_000, to: FROM + 96 * 3_600_000 };
    const history = await readingHistory(world.workspace, { meter: 'M30', period });
    assert.deepEqual(
        history.waiting.map(({ line }) => line),
        Array.from({ length: 24 }, (_, hour) => 2 + 29 * 24 + hour),
    );
});
