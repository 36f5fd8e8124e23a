// test limit: 300 s
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { liveFiles } from '../../src/lake/catalogue.ts';
import { planReplayOf, refreshAll, replayFaulty } from '../../src/pipeline/chain.ts';
import { traceFiles } from '../../src/pipeline/file-trace.ts';
import { readingHistory } from '../../src/pipeline/reading-history.ts';
import type { TracedFile } from '../../src/trace/traced-file.ts';
import { differences, type HomeContent } from '../crash/home-content.ts';
import {
    type ChainWorld,
    handClock,
    openChainWorld,
    readingsCsv,
    variedContract,
    withIgnoredColumn,
} from './chain-world.ts';
import { snapshotOf, versionsIn } from './delta-replay.ts';
import { rebuild, wholeContent } from './rebuild-world.ts';

const SLOT = 1_800_000;
const FROM = Date.parse('2013-05-01T00:00:00Z');
const HEADER = 'meter_id,register,read_at,minutes,value,unit,quality,version';
const METERS = 'metering_point_id,meter_id,interval_minutes,valid_from\n';
const clock = handClock('2013-06-01T00:00:00Z');
let world: ChainWorld;

const stamp = (slot: number) => new Date(FROM + slot * SLOT).toISOString();
const row = (slot: number, value: string, quality = 'A', meter = 'A') =>
    `${meter},1,${stamp(slot)},30,${value},kWh,${quality},\n`;

/** Watt-hours that the second contract takes for what they are, with a code and a column that the first one has not. */
function changedContract(version: 1 | 2): string {
    const first = variedContract('generic-csv', 'changed', { unknownMeter: 'wait' });
    if (version === 1) return first;
    return withIgnoredColumn(first, 'firmware')
        .replace('version: 1.0.0', 'version: 2.0.0')
        .replace('E: estimated,', 'E: estimated, Z: measured,');
}

/** One row a day, with an interval for each hour. */
function wideContract(codes: string, version: string): string {
    const column = (name: string, type: string, role: string) =>
        `      - { name: ${name}, logicalType: ${type}, required: true, customProperties: [{ property: role, value: ${role} }] }\n`;
    const settings = {
        format: 'csv',
        unknownMeter: 'wait',
        unit: 'kWh',
        stampFormat: "'%Y-%m-%d'",
        stampMarks: 'start',
        clock: 'utc',
        intervalMinutes: '60',
        qualityCodes: codes,
    };
    const properties = Object.entries(settings).map(
        ([name, value]) => `      - { property: ${name}, value: ${value} }\n`,
    );
    return (
        `apiVersion: v3.1.0\nkind: DataContract\nid: wide\nname: wide\nversion: ${version}\nstatus: active\nschema:\n  - name: days\n` +
        `    properties:\n${column('meter', 'string', 'meter')}${column('day', 'timestamp', 'stamp')}${column('status', 'string', 'quality')}` +
        `${column('h1..h24', 'number', 'periods')}    customProperties:\n${properties.join('')}`
    );
}

/** Values of a day, none of which another day has. */
const hours = (day: number) => Array.from({ length: 24 }, (_, i) => `${day}.${10 + i}`);
const WIDE_HEADER = `meter,day,status,${hours(0)
    .map((_, i) => `h${i + 1}`)
    .join(',')}`;
const wideRow = (day: number, status: string, cells: readonly string[]) =>
    `W,2013-05-0${day},${status},${cells.join(',')}`;

/** Days of twelve homes with two peaks, stamped `lag` half-hours late. */
function movedFile(first: number, count: number, lag = 0): string {
    const rows = Array.from({ length: 12 }, (_, m) =>
        Array.from({ length: count * 48 }, (_, i) => {
            const slot = first * 48 + i;
            const hour = ((slot - lag) % 48) / 2;
            const peak = (at: number) => Math.exp(-((hour - at) ** 2) / 3);
            const kwh = 0.1 + peak(7.5) * 0.5 + peak(19) + ((slot * 7919 + m * 104_729) % 97) / 970;
            return { meter: `M${m}`, at: FROM + slot * SLOT, kwh: kwh.toFixed(3) };
        }),
    );
    return readingsCsv(rows.flat());
}

const movedContract = (version: string, stampShift: string) =>
    variedContract('generic-csv', 'moved', {
        intervalMinutes: '30',
        stampShift: `'${stampShift}'`,
    }).replace('version: 1.0.0', `version: ${version}`);

async function deliver(feed: string, files: Readonly<Record<string, string>>): Promise<void> {
    clock.at += 60_000;
    await world.ingest(feed, files);
}

before(async () => {
    world = await openChainWorld({ marketZone: 'UTC', clock });
    await world.load('metering-points', 'm.csv', `${METERS}P1,A,30,2013-05-01\nP3,W,60,2013-05-01\n`);
    world.contract('changed', changedContract(1));
    world.contract('wide', wideContract('{ A: measured }', '1.0.0'));
    world.contract('moved', movedContract('1.0.0', 'refuse'));
    await deliver('changed', {
        'partly.csv': `${HEADER}\n${row(0, '1', 'Z')}${row(0, '2')}${row(1, '3')}${row(1, '4', 'Z')}${row(2, '5', 'Q')}`,
        'waits.csv': `${HEADER}\n${row(4, '6', 'Z', 'U')}${row(5, '7')}`,
        'refused.csv': `${HEADER},firmware\n${row(8, '8').trim()},7\n${row(9, '9').trim()},7\n`,
    });
    await deliver('wide', {
        'w1.csv': `${WIDE_HEADER}\n${wideRow(1, 'A', hours(1))}\n${wideRow(2, 'B', hours(2))}\n`,
        'w2.csv': `${WIDE_HEADER}\n${wideRow(3, 'A', hours(3).with(1, 'six'))}\n`,
    });
    // each is judged by what came before it
    await deliver('moved', { 'before.csv': movedFile(0, 20) });
    await deliver('moved', { 'regular.csv': movedFile(20, 2) });
    await deliver('moved', { 'late.csv': movedFile(22, 2, 2) });
    clock.at += 60_000;
    await world.load('metering-points', 'late.csv', `${METERS}P2,U,30,2013-05-01\n`);
    await refreshAll(world.workspace);
    world.contract('changed', changedContract(2));
    world.contract('wide', wideContract('{ A: measured, B: measured }', '2.0.0'));
    world.contract('moved', movedContract('2.0.0', 'flag'));
    clock.at += 60_000;
    await replayFaulty(world.workspace);
    await deliver('changed', { 'after.csv': `${HEADER},firmware\n${row(10, '10', 'Z').trim()},7\n` });
    await refreshAll(world.workspace);
});
after(() => world.end());

async function traced(sourceKey: string): Promise<TracedFile> {
    const [file, ...others] = await traceFiles(world.workspace, { named: sourceKey, daysMax: 0 });
    assert.ok(file);
    assert.deepEqual(others, []);
    return file;
}

test('a file that a replay brought in adds up, and is told by the contract under which it came in', async () => {
    for (const [name, state, contractNo, counts] of [
        ['partly.csv', 'parsed', 1, [5, 4, 1, 0]],
        ['waits.csv', 'parsed', 1, [2, 2, 0, 0]],
        ['refused.csv', 'parsed', 2, [2, 2, 0, 0]],
        ['w1.csv', 'parsed', 1, [48, 48, 0, 0]],
        ['w2.csv', 'parsed', 1, [24, 23, 1, 0]],
        ['late.csv', 'parsed', 2, [1152, 1152, 0, 0]],
        ['after.csv', 'parsed', 2, [1, 1, 0, 0]],
    ] as const) {
        const { records, versions, quarantined, waiting, ...file } = await traced(name);
        const found = [file.state, file.contractNo, [records, versions, quarantined, waiting]];
        assert.deepEqual(found, [state, contractNo, counts], name);
    }
});

test('the history of an interval names the line that a replay brought in', async () => {
    const told = async (meter: string, from: number, to: number) => {
        const period = { from: FROM + from * SLOT, to: FROM + to * SLOT };
        const { intervals } = await readingHistory(world.workspace, { meter, period });
        return intervals.flatMap(({ versions }) =>
            versions
                .map((v) => `${Number(v.kwh)} ${Number(v.lineKwh)} ${v.sourceKey}:${v.line} ${v.text}`)
                .sort(),
        );
    };
    const text = (...args: Parameters<typeof row>) => row(...args).trim();
    assert.deepEqual(await told('A', 0, 11), [
        `1 1 partly.csv:2 ${text(0, '1', 'Z')}`,
        `2 2 partly.csv:3 ${text(0, '2')}`,
        `3 3 partly.csv:4 ${text(1, '3')}`,
        `4 4 partly.csv:5 ${text(1, '4', 'Z')}`,
        `7 7 waits.csv:3 ${text(5, '7')}`,
        `8 8 refused.csv:2 ${text(8, '8')},7`,
        `9 9 refused.csv:3 ${text(9, '9')},7`,
        `10 10 after.csv:2 ${text(10, '10', 'Z')},7`,
    ]);
    assert.deepEqual(
        await told('W', 0, 96),
        [1, 2].flatMap((day) =>
            hours(day).map(
                (kwh) =>
                    `${Number(kwh)} ${Number(kwh)} w1.csv:${day + 1} ${wideRow(day, day === 1 ? 'A' : 'B', hours(day))}`,
            ),
        ),
    );
});

/** Beside the lake: what is said of payloads and segments, with when it was said. */
async function contentWithJudgements(): Promise<HomeContent> {
    const content = new Map(await wholeContent(world));
    const lines = async (query: string) =>
        (await world.workspace.db.query<{ line: string }>(query)).map(({ line }) => line);
    for (const table of ['refused_payloads', 'flagged_payloads'])
        content.set(table, await lines(`select to_jsonb(t)::text as line from ${table} t order by 1`));
    content.set(
        'counts of segments',
        await lines('select segment_no || parse_stats::text as line from segments order by segment_no'),
    );
    const rows = await world.query('select to_json(t)::varchar as line from replayed_rows as t order by 1');
    content.set(
        'replayed_rows',
        rows.map(({ line }) => String(line)),
    );
    return content;
}

test('a rebuild judges as it was judged then, order and replays included, and nothing is left to replay', async () => {
    const expected = await contentWithJudgements();
    assert.deepEqual(
        ['replayed_rows', 'refused_payloads', 'flagged_payloads'].map((name) => expected.get(name)?.length),
        [29, 2, 1],
    );
    clock.at += 86_400_000;
    const outcome = await rebuild(world);
    assert.deepEqual(differences(expected, await contentWithJudgements(), 'rebuilt'), []);
    assert.equal(outcome.contentBefore, outcome.contentRebuilt);
    assert.deepEqual([outcome.samePartitions, outcome.changedChannelDays], [outcome.partitions, 0]);
    assert.deepEqual(await planReplayOf(world.workspace), []);
    const again = await refreshAll(world.workspace);
    assert.deepEqual([again.rebuilt, again.merged, again.removed], [0, 0, 0]);
});

test('the open tables follow a rebuild by one version, and nothing else is written into their logs', async () => {
    const { lake } = world.workspace;
    const newest = (table: string) => versionsIn(path.join(lake.folder, table)).at(-1) ?? -1;
    const before = newest('reads_interval');
    await rebuild(world);
    assert.equal(newest('reads_interval'), before + 1);
    for (const table of ['reads_interval', 'reads_hourly', 'reads_daily'] as const) {
        const folder = path.join(lake.folder, table);
        const { files } = await snapshotOf(folder, newest(table));
        const live = (await liveFiles(lake, table)).map((file) => path.relative(folder, file.path));
        assert.deepEqual([...files.keys()].sort(), [...new Set(live)].sort());
    }
});
