import assert from 'node:assert/strict';
import { readFileSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Engine, EngineSession } from '../../src/engine/engine.ts';
import { knownFeed } from '../../src/ingest/delivering-feeds.ts';
import { parsePending } from '../../src/ingest/parse-pending.ts';
import { previewFile } from '../../src/ingest/preview-file.ts';
import { replayFaulty } from '../../src/pipeline/chain.ts';
import { receive } from '../../src/raw/receive.ts';
import { verifyRaw } from '../../src/raw/verify-raw.ts';
import {
    type ChainWorld,
    openChainWorld,
    readingsCsv,
    variedContract,
    withIgnoredColumn,
} from './chain-world.ts';

const AT = Date.UTC(2013, 4, 1);
// a text may well be the name of a format of files
const POISON = 'POISON.parquet.zstd';

let world: ChainWorld;

before(async () => {
    world = await openChainWorld({ marketZone: 'UTC' });
});

after(() => world.end());

/** The engine, but for rows with a certain meter, at which it gives up as it would at a number that is too large for it. */
function failingEngine(engine: Engine, failure: string): Engine {
    return {
        ...engine,
        async openSession(wishes) {
            const session = await engine.openSession(wishes);
            const poisoned = (query: string) =>
                `select * from (${query}) where case when meter_key = '${POISON}' then ${failure} else true end`;
            return new Proxy(session, {
                get(target, name) {
                    if (name === 'materialise') {
                        return (table: string, query: string) =>
                            target.materialise(table, table === 'judged' ? poisoned(query) : query);
                    }
                    const value = target[name as keyof EngineSession];
                    return typeof value === 'function' ? value.bind(target) : value;
                },
            });
        },
    };
}

const textOf = (meters: readonly string[]) =>
    readingsCsv(meters.map((meter, i) => ({ meter, at: AT + i * 1_800_000, kwh: '1' })));

/** Files by their meters, or as they are. */
async function deliver(files: Readonly<Record<string, readonly string[] | string>>, name = 'generic-csv') {
    const { db, raw, home, clock } = world.workspace;
    const feed = await knownFeed(db, home.folder, name, clock);
    const source = { feedId: feed.feedId, name, repeatWindowDays: 35 };
    const deliveries = Object.entries(files).map(([sourceKey, content]) => ({
        sourceKey,
        bytes: Buffer.from(typeof content === 'string' ? content : textOf(content)),
    }));
    for await (const _ of receive(raw, source, deliveries));
    return feed;
}

async function parseWith(engine: Engine, feed: Awaited<ReturnType<typeof deliver>>) {
    const { lake, raw, home } = world.workspace;
    const place = { rawFolder: raw.folder, scratchFolder: home.scratchFolder };
    return parsePending({ ...place, lake: { ...lake, engine }, feeds: [feed] });
}

test('a payload on which the engine gives up is refused with what it says, and all others come in', async () => {
    const { lake } = world.workspace;
    const files = Object.fromEntries(
        Array.from({ length: 9 }, (_, i) => [`${i}.csv`, i % 4 === 2 ? ['A', POISON, 'B'] : ['A', 'B', 'C']]),
    );
    const feed = await deliver(files);
    const noNumber = 'cast(meter_key as integer) > 0';
    const totals = await parseWith(failingEngine(lake.engine, noNumber), feed);
    assert.deepEqual(
        [totals.payloads, totals.refused, totals.records, totals.versions],
        [9, 2, 21, 21],
        'a refused payload has no rows',
    );
    assert.deepEqual(
        totals.refusals.map(({ sourceKey, ruleId }) => [sourceKey, ruleId]),
        [
            ['2.csv', 'file.not-computable'],
            ['6.csv', 'file.not-computable'],
        ],
    );
    assert.match(totals.refusals[0]?.message ?? '', /failed to compute judged: Conversion Error: .*POISON/);
    const [stored] = await lake.db.query<{ n: number }>('select count(*) as n from refused_payloads');
    assert.equal(stored?.n, 2);
    const [versions] = await world.query('select count(*) as n from reading_versions');
    assert.equal(Number(versions?.n), 21);
    assert.deepEqual((await verifyRaw(world.workspace.raw, { rebuild: false })).damaged, []);
    // nor does it matter that nothing else came
    const alone = await parseWith(
        failingEngine(lake.engine, noNumber),
        await deliver({ 'alone.csv': [POISON] }),
    );
    assert.deepEqual([alone.payloads, alone.refused, alone.versions], [1, 1, 0]);
    // nothing is left of them for the next one to stumble over
    assert.equal((await parseWith(lake.engine, await deliver({ 'next.csv': ['D'] }))).versions, 1);
});

test('where the engine fails by a fault of its own, nothing is refused and all is parsed later', async () => {
    const { lake } = world.workspace;
    const feed = await deliver({ 'a.csv': ['A', POISON], 'b.csv': ['E'] });
    // no such function: a fault of the program, not of a value
    await assert.rejects(parseWith(failingEngine(lake.engine, 'no_such_function(meter_key)'), feed), {
        code: 'engine.failed',
    });
    const totals = await parseWith(lake.engine, feed);
    assert.deepEqual([totals.payloads, totals.refused, totals.versions], [2, 0, 3]);
});

test('a damaged file of the lake is no fault of what comes in: nothing is refused, and all comes in when it is mended', async () => {
    const { lake } = world.workspace;
    const meters = Array.from({ length: 12 }, (_, i) => `T${i}`);
    const days = (from: number, count: number) =>
        readingsCsv(
            meters.flatMap((meter) =>
                Array.from({ length: count * 48 }, (_, i) => ({
                    meter,
                    at: AT + (from * 48 + i) * 1_800_000,
                    kwh: '0.5',
                })),
            ),
        );
    // such a feed is compared with the days before it, which are in the lake
    const settings = { stampShift: 'flag', intervalMinutes: '30' };
    world.contract('looks-back', variedContract('generic-csv', 'looks-back', settings));
    await world.ingest('looks-back', { 'before.csv': days(0, 8) });
    const [newest] = await lake.db.query<{ path: string }>(
        `select path from lake_files where table_name = 'reading_versions' order by file_id desc limit 1`,
    );
    const place = path.join(lake.folder, newest?.path ?? '');
    const whole = readFileSync(place);
    const given = { '8.csv': days(8, 1), '9.csv': days(9, 1), '10.csv': days(10, 1) };
    const footerFrom = whole.length - 8 - whole.readUInt32LE(whole.length - 8);
    const damages = {
        torn: whole.subarray(0, whole.length >> 1),
        empty: Buffer.alloc(0),
        'of zeros': Buffer.from(whole).fill(0, 4, footerFrom),
    };
    let written = Date.now() / 1000;
    // the engine keeps what it has read of a file by its size and time
    const write = (bytes: Buffer) => {
        writeFileSync(place, bytes);
        written += 10;
        utimesSync(place, written, written);
    };
    for (const [name, damaged] of Object.entries(damages)) {
        write(damaged);
        await assert.rejects(world.ingest('looks-back', given), { code: 'engine.failed' }, name);
    }
    write(whole);
    const { parsed } = await world.ingest('looks-back', {});
    assert.deepEqual([parsed.refused, parsed.versions], [0, 12 * 3 * 48]);
});

test('a check refuses what an ingest would', async () => {
    const { lake, home } = world.workspace;
    const failing = failingEngine(lake.engine, 'cast(meter_key as integer) > 0');
    const seen = await previewFile(
        { lake: { ...lake, engine: failing }, home },
        'generic-csv',
        async function* () {
            yield Buffer.from(textOf(['A', POISON]));
        },
    );
    assert.equal(seen.refused?.ruleId, 'file.not-computable');
});

test('a replay refuses again what still cannot be computed, and brings in all others', async () => {
    const { lake } = world.workspace;
    const failing = failingEngine(lake.engine, 'cast(meter_key as integer) > 0');
    const first = variedContract('generic-csv', 'vendor', {});
    world.contract('vendor', first);
    const wider = textOf(['V', 'W'])
        .trim()
        .split('\n')
        .map((line, i) => `${line},${i === 0 ? 'firmware' : '7'}\n`)
        .join('');
    const files = { 'good.csv': ['V'], 'poison.csv': ['V', POISON], 'wider.csv': wider };
    const { refusals } = await parseWith(failing, await deliver(files, 'vendor'));
    const rules = (list: typeof refusals) => list.map(({ sourceKey, ruleId }) => `${sourceKey} ${ruleId}`);
    assert.deepEqual(rules(refusals).sort(), [
        'poison.csv file.not-computable',
        'wider.csv file.column-unknown',
    ]);

    const second = withIgnoredColumn(first, 'firmware').replace('version: 1.0.0', 'version: 2.0.0');
    world.contract('vendor', second);
    const again = await replayFaulty({ ...world.workspace, lake: { ...lake, engine: failing } }, 'vendor');
    assert.deepEqual([again.payloadsAdmitted, again.payloadsRefusedAgain, again.versions], [1, 1, 2]);
    assert.deepEqual(rules(again.refusals), ['poison.csv file.not-computable']);

    world.contract('vendor', second.replace('version: 2.0.0', 'version: 3.0.0'));
    const able = await replayFaulty(world.workspace, 'vendor');
    assert.deepEqual([able.payloadsAdmitted, able.payloadsRefusedAgain, able.versions], [1, 0, 2]);
});

test('a payload that came in, and cannot be computed any more, keeps what it brought and holds up no other', async () => {
    const { lake } = world.workspace;
    const first = variedContract('generic-csv', 'kept', {});
    world.contract('kept', first);
    const bad = 'V,1,2013-05-02T00:00:00Z,30,abc,kWh,A,\n';
    const wider = textOf(['W'])
        .replace(/$/gm, ',firmware')
        .replace(/,firmware$/, '');
    const feed = await deliver({ 'mixed.csv': `${textOf(['V', POISON])}${bad}`, 'wider.csv': wider }, 'kept');
    const totals = await parseWith(lake.engine, feed);
    assert.deepEqual([totals.versions, totals.quarantined, totals.refused], [2, 1, 1]);

    const failing = failingEngine(lake.engine, 'cast(meter_key as integer) > 0');
    const second = withIgnoredColumn(first, 'firmware').replace('version: 1.0.0', 'version: 2.0.0');
    world.contract('kept', second);
    const again = await replayFaulty({ ...world.workspace, lake: { ...lake, engine: failing } }, 'kept');
    assert.deepEqual([again.payloadsAdmitted, again.versions, again.quarantined], [1, 1, 0]);
    const flagged = await lake.db.query<{ told: string }>(
        `select source_key || ' ' || rule_id as told from flagged_payloads where feed_id = $1`,
        [feed.feedId],
    );
    assert.deepEqual(flagged, [{ told: 'mixed.csv file.not-computable' }]);
    const held = await world.query(
        `select q.original_text from quarantined_rows as q inner join payloads as p using (sequence) where p.source_key = 'mixed.csv'`,
    );
    assert.deepEqual(held, [{ original_text: bad.trim() }]);
});
