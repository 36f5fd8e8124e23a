// test limit: 300 s
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { refreshAll, replayFaulty } from '../../src/pipeline/chain.ts';
import { traceFiles } from '../../src/pipeline/file-trace.ts';
import { readStatus } from '../../src/pipeline/status.ts';
import { differences } from '../crash/home-content.ts';
import {
    type ChainWorld,
    checkFile,
    handClock,
    openChainWorld,
    publishedContent,
    variedContract,
} from './chain-world.ts';
import { rebuild, wholeContent } from './rebuild-world.ts';

// What only the channel tells of a row: stories are orders of two loads and two deliveries, each with meters of its own in one home, and
// at the end all must hold the same.
const clock = handClock('2013-07-01T00:00:00Z');
const HEADER = 'meter_id,register,read_at,minutes,value,unit,quality,version';
const METERS = 'metering_point_id,meter_id,register,flow,interval_minutes,valid_from';
const STEPS = ['import', 'export', 'early', 'late'] as const;
type Step = (typeof STEPS)[number];

/** Z is of export by its second register, B has another length than its rows, N has no export. */
const LOADS: Readonly<Partial<Record<Step, readonly string[]>>> = {
    import: ['B,B,1,to_customer,15', 'N,N,1,to_customer,30'],
    export: ['Z,Z,1,to_customer,30', 'Z,Z,2,from_customer,30'],
};
const at = (slot: number) => new Date(Date.parse('2013-06-01T00:00:00Z') + slot * 1_800_000).toISOString();
const line = (meter: string, slot: number, value: string, minutes = 30) =>
    `${meter},${at(slot)},${minutes},${value},kWh,A,`;
const rowsOf = (slot: number) => [
    line('Z#,2', slot, '-0.25'),
    line('Z#,1', slot, '-0.5'),
    line('N#,1', slot, '-0.75'),
    line('N#,1', slot + 1, '1.25'),
    line('B#,1', slot, '2.5'),
    line('B#,1', slot + 1, '0.1234565'),
    line('B#,1', slot, '3', 15),
    // both at once, and beside a right row of the same interval, before it and after it
    line('B#,1', slot + 1, '-3'),
    line('N#,1', slot + 2, '-1'),
    line('N#,1', slot + 2, '4'),
    line('N#,1', slot + 3, '5'),
    line('N#,1', slot + 3, '-1'),
    // nobody ever registers it
    line('U#,1', slot, '-9'),
];
const DELIVERIES: Readonly<Partial<Record<Step, readonly string[]>>> = { early: rowsOf(0), late: rowsOf(10) };

function orders(steps: readonly Step[]): Step[][] {
    if (steps.length === 0) return [[]];
    return steps.flatMap((one) =>
        orders(steps.filter((other) => other !== one)).map((rest) => [one, ...rest]),
    );
}
const STORIES = orders(STEPS);
const FEEDS = ['waits', 'refuses'] as const;
const label = (feed: string, story: number) => `-${feed}-${String(story).padStart(2, '0')}`;
let world: ChainWorld;

async function take(feed: (typeof FEEDS)[number], step: Step, stories: readonly number[]): Promise<void> {
    if (stories.length === 0) return;
    const names = stories.map((story) => label(feed, story));
    const loaded = LOADS[step]?.flatMap((text) =>
        names.map((name) => `${text.replace(/^(.),(.),/, `$1${name},$2${name},`)},2013-06-01T00:00:00Z`),
    );
    if (loaded) await world.load('metering-points', `${step}.csv`, `${METERS}\n${loaded.join('\n')}\n`);
    const rows = DELIVERIES[step];
    const text = (name: string) => rows?.map((row) => row.replace('#', name)).join('\n');
    const files = names.map((name) => [`${step}${name}.csv`, `${HEADER}\n${text(name)}\n`]);
    if (rows) await world.ingest(feed, Object.fromEntries(files));
}

/** By feed and story: rows of every kind, with what is published of them, without the story's name. */
async function contents(): Promise<(feed: string, story: number) => string[]> {
    const rows = await world.query(
        `select concat_ws('|', 'quarantined', line_no, rule_ids, fields, original_text) as line from quarantined_rows
         union all
         select concat_ws('|', 'waits', meter_key, register_key, epoch_us(period_from), reason) from waiting_rows
         union all
         select concat_ws('|', 'version', meter_id, c.register_id, epoch_us(period_from), kwh, ordinal)
           from reading_versions as v inner join channels as c on c.channel_no = v.channel_no`,
    );
    const lines = [...rows.map((row) => String(row.line)), ...(await publishedContent(world))];
    const named = /-(?:waits|refuses)-\d\d/;
    const byName = Map.groupBy(lines, (text) => named.exec(text)?.[0]);
    return (feed, story) =>
        (byName.get(label(feed, story)) ?? []).map((text) => text.replace(named, '')).sort();
}

before(async () => {
    world = await openChainWorld({ marketZone: 'UTC', bucketSize: 256, clock });
    const settings = { unknownMeter: 'wait', maxDecimals: '8' };
    world.contract('waits', variedContract('generic-csv', 'waits', settings));
    world.contract(
        'refuses',
        variedContract('generic-csv', 'refuses', { ...settings, repeatedInPayload: 'refuse' }),
    );
    for (const slot of STEPS.keys()) {
        clock.at += 3_600_000;
        for (const feed of FEEDS) {
            for (const step of STEPS) {
                const stories = STORIES.flatMap((order, story) => (order[slot] === step ? [story] : []));
                await take(feed, step, stories);
            }
        }
    }
    await refreshAll(world.workspace);
});

after(() => world.end());

test('orders of loads and deliveries do not change what is accepted, quarantined, or waits', async () => {
    const contentOf = await contents();
    for (const feed of FEEDS) {
        // both loads go before both deliveries
        const last = STORIES.findIndex((order) => order.join(' ') === 'import export early late');
        const expected = contentOf(feed, last);
        assert.ok(expected.length > 50, `${expected.length} lines`);
        for (const story of STORIES.keys()) {
            const order = STORIES[story]?.join(', ');
            assert.deepEqual(contentOf(feed, story), expected, `${feed}: ${order}`);
        }
    }
});

test('negative values come in where there is export, and everything else that only the channel tells is quarantined', async () => {
    const content = (await contents())('waits', 0);
    const pick = (kind: string) =>
        content.filter((text) => text.startsWith(kind)).map((text) => text.split('|'));
    const quarantined = pick('quarantined').map(([, no, rules, fields]) => `${no} ${rules}: ${fields}`);
    assert.deepEqual([...new Set(quarantined)].sort(), [
        '10 row.value-negative: value',
        '13 row.value-negative: value',
        '4 row.value-negative: value',
        '6 row.interval-length: minutes',
        '7 row.interval-length: minutes',
        '9 row.value-negative row.interval-length: value minutes',
    ]);
    assert.equal(quarantined.length, 12);
    const kwh = pick('version').map(
        ([, meter, register, , value, ordinal]) => `${meter},${register} ${value} ${ordinal}`,
    );
    assert.deepEqual([...new Set(kwh)].sort(), [
        'B,1 3.000000 0',
        'N,1 1.250000 0',
        'N,1 4.000000 0',
        'N,1 5.000000 0',
        'Z,1 -0.500000 0',
        'Z,2 -0.250000 0',
    ]);
    assert.deepEqual(
        pick('waits').map((parts) => parts.at(-1)),
        ['waiting.meter-unknown', 'waiting.meter-unknown'],
    );
});

async function expectAccount(): Promise<void> {
    const s = await readStatus(world.workspace.lake);
    assert.equal(s.rowsReceived, STORIES.length * FEEDS.length * 2 * rowsOf(0).length);
    assert.equal(s.rowsReceived, s.versions + s.rowsQuarantined + s.rowsWaiting);
    const [rows] = await world.query('select count(*) as n from quarantined_rows');
    assert.equal(s.rowsQuarantined, Number(rows?.n));
    assert.equal(
        Object.values(s.quarantinedByRule).reduce((sum, n) => sum + n, 0),
        s.rowsQuarantined,
    );
    assert.equal(s.valuesRounded, 0, 'what is quarantined is not counted as rounded');
}

async function expectRebuilt(): Promise<void> {
    const expected = await wholeContent(world);
    const outcome = await rebuild(world);
    assert.equal(outcome.contentBefore, outcome.contentRebuilt);
    assert.deepEqual(differences(expected, await wholeContent(world), 'rebuilt'), []);
}

test('rows are counted once each, by files too, and a rebuild gives the same', async () => {
    await expectAccount();
    for (const story of [0, STORIES.length - 1]) {
        const files = await traceFiles(world.workspace, {
            named: `early${label('waits', story)}.csv`,
            daysMax: 1,
        });
        assert.deepEqual([files[0]?.records, files[0]?.quarantined, files[0]?.waiting], [13, 6, 1]);
    }
    await expectRebuilt();
    await expectAccount();
});

test('a contract that allows negative values brings in what was quarantined on arrival and on release alike, the last of a payload counts', async () => {
    world.contract(
        'waits',
        variedContract('generic-csv', 'waits', {
            unknownMeter: 'wait',
            maxDecimals: '8',
            allowsNegative: 'true',
        }).replace('version: 1.0.0', 'version: 2.0.0'),
    );
    await replayFaulty(world.workspace);
    await refreshAll(world.workspace);
    const contentOf = await contents();
    const expected = contentOf('waits', 0);
    for (const story of STORIES.keys()) assert.deepEqual(contentOf('waits', story), expected, `${story}`);
    const of = (slot: number) => `reads_15min N 1 ${Date.parse(at(slot)) * 1000} 30 `;
    const kwh = [0, 2, 3].map((slot) => expected.find((text) => text.startsWith(of(slot)))?.split(' ')[5]);
    assert.deepEqual(kwh, ['-0.750000', '4.000000', '-1.000000']);
    await expectAccount();
    await expectRebuilt();
});

test('a feed that registers meters does so for no value that would be quarantined, and a check says what would become of it', async () => {
    world.contract('registers', variedContract('generic-csv', 'registers', {}));
    const text = (rows: readonly string[]) => `${HEADER}\n${rows.join('\n')}\n`;
    const both = [line('both,1', 0, '-1'), line('both,1', 1, '2')];
    const file = text([...both, line('alone,1', 0, '-1')]);
    const preview = await checkFile(world, 'registers', file);
    const { accepted, waiting, faultsByRule } = preview;
    assert.deepEqual([accepted, waiting, faultsByRule], [1, 1, { 'row.value-negative': 1 }]);
    const { parsed } = await world.ingest('registers', { 'first.csv': file });
    assert.deepEqual([parsed.versions, parsed.waiting, parsed.quarantinedByRule], [1, 1, faultsByRule]);
    const { parsed: later } = await world.ingest('registers', {
        'later.csv': text([line('alone,1', 1, '2')]),
    });
    assert.deepEqual([later.versions, later.quarantined], [1, 0]);
    await refreshAll(world.workspace);
    const quarantined = await world.query(
        "select line_no, rule_ids, fields from quarantined_rows where contains(original_text, 'alone,')",
    );
    assert.deepEqual(quarantined, [{ line_no: 4n, rule_ids: 'row.value-negative', fields: 'value' }]);
});

test('versions whose meter has another length by a later belief wait and say so', async () => {
    const points = (rows: readonly string[]) =>
        world.load(
            'metering-points',
            'moved.csv',
            `metering_point_id,meter_id,interval_minutes,valid_from,valid_to\n${rows.join('\n')}\n`,
        );
    const reasons = async () =>
        (await world.query("select reason from waiting_rows where meter_key = 'moves'")).map((r) => r.reason);
    await points([`here,moves,30,${at(0)},`]);
    await world.ingest('waits', {
        'moves.csv': `${HEADER}\n${line('moves,1', 1, '1')}\n${line('moves,1', 9, '2')}\n`,
    });
    const away = await points([`here,moves,30,${at(0)},${at(8)}`, `there,moves,15,${at(8)},`]);
    assert.deepEqual(
        [away.released, away.quarantined, away.displaced, away.stillWaiting > 0],
        [0, 0, 1, true],
    );
    assert.deepEqual(await reasons(), ['waiting.interval-length']);
    await refreshAll(world.workspace);
    assert.deepEqual(await reasons(), ['waiting.interval-length']);
    await world.ingest('waits', { 'gone.csv': `${HEADER}\n${line('comes,1', 1, '1')}\n` });
    const comes = await points([`P-comes,comes,15,${at(0)},`]);
    assert.deepEqual([comes.released, comes.quarantined], [0, 1]);
});
