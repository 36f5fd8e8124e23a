// test limit: 600 s
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { compact } from '../../src/lake/compaction.ts';
import { planReplayOf, refreshAll, replayFaulty } from '../../src/pipeline/chain.ts';
import { type HomeStatus, readStatus } from '../../src/pipeline/status.ts';
import { runWorker } from '../crash/worker-run.ts';
import {
    type ChainWorld,
    handClock,
    openChainWorld,
    variedContract,
    withIgnoredColumn,
} from './chain-world.ts';

// Each case is a feed of its own with meters of its own, gets the same files under the first contract, is replayed in its own way
// after the second one, and must end like `direct`, which received the files under the second contract.
const CASES = ['quiet', 'crash-1', 'crash-2', 'torn-1', 'torn-2', 'early', 'apart'] as const;
type Case = (typeof CASES)[number] | 'direct';
const clock = handClock('2013-06-01T00:00:00Z');
const HEADER = 'meter_id,register,read_at,minutes,value,unit,quality,version';
const at = (slot: number) => new Date(Date.parse('2013-05-01T00:00:00Z') + slot * 1_800_000).toISOString();
let world: ChainWorld;

function row(name: Case, slot: number, value: string, quality = 'A', meter = 'A'): string {
    return `${meter}-${name},1,${at(slot)},30,${value},kWh,${quality},\n`;
}

/** Two files that the first contract takes in part, and one that it refuses; the second one knows `Z` and `firmware`. */
function files(name: Case): Record<string, string> {
    return {
        'partly.csv': `${HEADER}\n${row(name, 0, '1', 'Z')}${row(name, 0, '2')}${row(name, 1, '3')}${row(name, 1, '4', 'Z')}${row(name, 2, '5', 'Z')}${row(name, 3, 'none', 'Z')}`,
        'unknown-meter.csv': `${HEADER}\n${row(name, 4, '6', 'Z', 'U')}${row(name, 5, '7')}${row(name, 6, '7', 'Q')}`,
        'refused.csv': `${HEADER},firmware\n${row(name, 8, '8').trim()},7\n${row(name, 9, 'none').trim()},7\n${row(name, 10, '9').trim()},7\n`,
    };
}

const first = (name: Case) => variedContract('generic-csv', name, { unknownMeter: 'wait' });

function second(name: Case): string {
    return withIgnoredColumn(first(name), 'firmware')
        .replace('version: 1.0.0', 'version: 2.0.0')
        .replace('E: estimated,', 'E: estimated, Z: measured,');
}

/** All that a case holds, without what tells how it came. */
async function contentOf(name: Case): Promise<string[]> {
    const feed = `feed_id = (select feed_id from feed_names where name = '${name}')`;
    return world.withViews(async (session) => {
        await session.registerRows(
            'feed_names',
            [
                { name: 'feed_id', type: 'smallint' },
                { name: 'name', type: 'string' },
            ],
            (
                await world.workspace.db.query<{ id: number; name: string }>(
                    'select feed_id as id, name from feeds',
                )
            ).map((f) => [f.id, f.name]),
        );
        const queries = [
            `select 'curated', meter_id, cast(read_at as varchar), cast(kwh as varchar), quality_flag from reads_15min where meter_id = 'A-${name}' and kwh is not null`,
            `select 'versions', cast(kwh as varchar), cast(period_from as varchar), quality from reading_versions where ${feed}`,
            `select 'waiting', meter_key, cast(period_from as varchar), reason from waiting_rows where ${feed}`,
            `select 'quarantined', cast(line_no as varchar), rule_ids, fields, original_text from quarantined_rows where ${feed}`,
        ];
        const lines: string[] = [];
        for (const query of queries) {
            const rows = await session.rows(query);
            lines.push(...rows.map((r) => Object.values(r).join(' ').replaceAll(`-${name}`, '')));
        }
        return lines.sort();
    });
}

async function status(): Promise<HomeStatus> {
    const s = await readStatus(world.workspace.lake);
    assert.equal(s.rowsReceived, s.versions + s.rowsQuarantined + s.rowsWaiting);
    assert.equal(
        Object.values(s.quarantinedByRule).reduce((sum, n) => sum + n, 0),
        s.rowsQuarantined,
    );
    const held = await world.query(
        `select (select count(*) from quarantined_rows) as q, (select count(*) from waiting_rows) as w, (select count(*) from reading_versions) as v`,
    );
    assert.deepEqual(Object.values(held[0] ?? {}).map(Number), [
        s.rowsQuarantined,
        s.rowsWaiting,
        s.versions,
    ]);
    return s;
}

before(async () => {
    world = await openChainWorld({ marketZone: 'UTC', clock });
    const meters = [...CASES, 'direct'].map((name) => `P-${name},A-${name},30,2013-05-01\n`);
    await world.load(
        'metering-points',
        'm.csv',
        `metering_point_id,meter_id,interval_minutes,valid_from\n${meters.join('')}`,
    );
    world.contract('direct', second('direct'));
    for (const name of CASES) world.contract(name, first(name));
    for (const name of [...CASES, 'direct'] as const) await world.ingest(name, files(name));
    clock.at += 86_400_000;
    await refreshAll(world.workspace);
});

after(() => world.end());

async function expectAsDirect(name: Case): Promise<void> {
    await refreshAll(world.workspace);
    await status();
    assert.deepEqual(await contentOf(name), await contentOf('direct'));
}

test('nothing is to be replayed while the contract that judged is in force', async () => {
    assert.deepEqual(await planReplayOf(world.workspace), []);
    const totals = await replayFaulty(world.workspace);
    assert.equal(totals.segments, 0);
});

test('a plan names the files and rows that the new contract has not judged, and changes nothing', async () => {
    world.contract('quiet', second('quiet'));
    const before = await status();
    const plans = await planReplayOf(world.workspace);
    assert.equal(plans.length, 1);
    const { refused, ...plan } = plans[0] ?? assert.fail();
    assert.deepEqual(plan, {
        feed: 'quiet',
        contractVersion: '2.0.0',
        judgedBy: ['1.0.0'],
        segments: 1,
        quarantined: 6,
        quarantinedByRule: { 'row.quality': 6 },
    });
    assert.deepEqual(
        refused.map((r) => [r.sourceKey, r.ruleId]),
        [['refused.csv', 'file.column-unknown']],
    );
    assert.deepEqual(await status(), before);
});

test('what is right by the new contract comes in, and the content is as if it had been in force from the start', async () => {
    const before = await status();
    const totals = await replayFaulty(world.workspace, 'quiet');
    const { versions, waiting, quarantined, payloadsAdmitted, rowsLookedAt } = totals;
    assert.deepEqual([payloadsAdmitted, rowsLookedAt, versions, waiting, quarantined], [1, 6, 5, 1, 3]);
    const after = await status();
    assert.equal(after.rowsReceived - before.rowsReceived, 3);
    assert.equal(after.versions - before.versions, 5);
    assert.equal(after.rowsQuarantined - before.rowsQuarantined, -3);
    assert.equal(before.payloadsRefused - after.payloadsRefused, 1);
    await expectAsDirect('quiet');
});

test('the receipt sequence, the time of receipt and the feed of a row that came late are its own', async () => {
    const sequences = await world.query(
        `select cast(kwh as varchar) as kwh, sequence, received_at, ordinal from reading_versions
         where feed_id = (select min(feed_id) from reading_versions where cast(kwh as varchar) = '8.000000'
            and channel_no = (select channel_no from channels where meter_id = 'A-quiet'))
           and channel_no = (select channel_no from channels where meter_id = 'A-quiet') order by sequence, kwh`,
    );
    const [partly, unknown, refused] = [...new Set(sequences.map((r) => Number(r.sequence)))];
    assert.ok(partly && unknown && refused && partly < unknown && unknown < refused);
    assert.ok(sequences.every((r) => r.received_at === '2013-06-01T00:00:00Z'));
    // of one interval twice in a payload the ordinals stand as the lines do, with 0 for the one that came first
    assert.deepEqual(
        sequences.filter((r) => Number(r.sequence) === partly).map((r) => [r.kwh, Number(r.ordinal)]),
        [
            ['1.000000', -1],
            ['2.000000', 0],
            ['3.000000', 0],
            ['4.000000', 1],
            ['5.000000', 0],
        ],
    );
});

test('what was refused or quarantined before is kept as history', async () => {
    const rows = await world.query(
        `select line_no, rule_ids, outcome, contract_no, replayed_contract_no from replayed_rows order by sequence, line_no`,
    );
    assert.deepEqual(
        rows.map((r) =>
            [Number(r.line_no), r.rule_ids, r.outcome, r.contract_no, r.replayed_contract_no].join(' '),
        ),
        [
            '2 row.quality version 1 2',
            '5 row.quality version 1 2',
            '6 row.quality version 1 2',
            '7 row.quality row.value-format quarantined 1 2',
            '2 row.quality waiting 1 2',
            '4 row.quality quarantined 1 2',
        ],
    );
    const refusals = await world.workspace.db.query(
        `select rule_id as rule, contract_no as judged, superseded_by as by from refused_payloads where superseded_by is not null`,
    );
    assert.deepEqual(refusals, [{ rule: 'file.column-unknown', judged: 1, by: 2 }]);
});

test('a replay again, a delivery again and a compaction change nothing', async () => {
    const [before, content] = [await status(), await contentOf('quiet')];
    assert.equal((await replayFaulty(world.workspace)).segments, 0);
    const again = await world.ingest('quiet', files('quiet'));
    assert.equal(again.received.repeats, 3);
    // the file that was refused came in by the replay: it is no longer told as refused
    assert.deepEqual(again.refusedBefore, []);
    await compact(world.workspace.lake);
    const { payloadsReceived, lakeFiles, lakeBytes, ...counts } = await status();
    assert.deepEqual({ ...before, ...counts }, before);
    assert.deepEqual(await contentOf('quiet'), content);
    assert.ok(payloadsReceived >= before.payloadsReceived && lakeFiles > 0 && lakeBytes > 0);
});

test('as known before the receipt there is nothing, and after it what its contract of today says', async () => {
    const count = (at: string) =>
        world.query(
            `select count(*) as n from reads_15min where meter_id = 'A-quiet' and kwh is not null`,
            Date.parse(at),
        );
    assert.deepEqual(await count('2013-05-31T23:59:59Z'), [{ n: 0n }]);
    assert.deepEqual(await count('2013-06-01T12:00:00Z'), [{ n: 6n }]);
    const quarantined = (at: string) =>
        world.query(
            `select count(*) as n from quarantined_rows where contains(original_text, 'A-quiet,')`,
            Date.parse(at),
        );
    assert.deepEqual(await quarantined('2013-05-31T23:59:59Z'), [{ n: 0n }]);
    assert.deepEqual(await quarantined('2013-06-01T12:00:00Z'), [{ n: 3n }]);
});

for (const [name, crash, forget] of [
    ['crash-1', 'append:1', ''],
    ['crash-2', 'append:2', ''],
    ['torn-1', 'append:1', 'torn'],
    ['torn-2', 'append:2', 'torn'],
    ['early', 'parse:1', ''],
] as const) {
    test(`a replay that dies at ${crash} (${name}) is done by the next, and once`, async () => {
        world.contract(name, second(name));
        const before = await contentOf(name);
        const end = await runWorker({
            home: world.homeFolder,
            steps: [{ kind: 'replay' }],
            crash,
            forget,
            compileCache: path.join(world.folder, 'compiled'),
        });
        assert.equal(end.how, 'crashed', end.output);
        await status();
        assert.deepEqual(await contentOf(name), before);
        assert.equal((await replayFaulty(world.workspace)).segments, 1);
        await expectAsDirect(name);
    });
}

test('processes that replay at the same time bring each row in once', async () => {
    world.contract('apart', second('apart'));
    const workers = Array.from({ length: 3 }, () =>
        runWorker({
            home: world.homeFolder,
            steps: [{ kind: 'replay' }],
            crash: '',
            forget: '',
            compileCache: path.join(world.folder, 'compiled'),
        }),
    );
    const totals = await Promise.all([replayFaulty(world.workspace), replayFaulty(world.workspace)]);
    for (const end of await Promise.all(workers)) assert.equal(end.how, 'done', end.output);
    assert.ok(totals.reduce((sum, t) => sum + t.segments, 0) <= 1);
    assert.deepEqual(await planReplayOf(world.workspace), []);
    await expectAsDirect('apart');
});

test('a file that the new contract refuses as well keeps its refusal, in the terms of the new one; its rows of before stay', async () => {
    world.contract(
        'quiet',
        second('quiet').replace('version: 2.0.0', 'version: 3.0.0').replace('name: value', 'name: energy'),
    );
    world.contract('late', first('quiet').replaceAll('quiet', 'late'));
    await world.ingest('late', files('quiet'));
    world.contract(
        'late',
        second('quiet').replaceAll('quiet', 'late').replace('name: value', 'name: energy'),
    );
    const before = await contentOf('quiet');
    const totals = await replayFaulty(world.workspace);
    assert.deepEqual([totals.segments, totals.payloadsRefusedAgain, totals.versions], [2, 1, 0]);
    assert.deepEqual(await contentOf('quiet'), before);
    await status();
    const refusals = await world.workspace.db.query(
        `select contract_no as judged, superseded_by as by from refused_payloads r join feeds f using (feed_id)
          where f.name = 'late' order by 1`,
    );
    assert.deepEqual(refusals, [
        { judged: 1, by: 2 },
        { judged: 2, by: null },
    ]);
});
