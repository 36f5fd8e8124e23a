import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Engine, EngineSession } from '../../src/engine/engine.ts';
import { knownFeed } from '../../src/ingest/delivering-feeds.ts';
import { parsePending } from '../../src/ingest/parse-pending.ts';
import { receive } from '../../src/raw/receive.ts';
import { verifyRaw } from '../../src/raw/verify-raw.ts';
import { type ChainWorld, openChainWorld, readingsCsv } from './chain-world.ts';

const AT = Date.UTC(2013, 4, 1);
const POISON = 'POISON';

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

async function deliver(files: Readonly<Record<string, readonly string[]>>) {
    const { db, raw, home, clock } = world.workspace;
    const feed = await knownFeed(db, home.folder, 'generic-csv', clock);
    const source = { feedId: feed.feedId, name: 'generic-csv', repeatWindowDays: 35 };
    const deliveries = Object.entries(files).map(([sourceKey, meters]) => ({
        sourceKey,
        bytes: Buffer.from(
            readingsCsv(meters.map((meter, i) => ({ meter, at: AT + i * 1_800_000, kwh: '1' }))),
        ),
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
    // nothing is left of them for the next one to stumble over
    assert.equal((await parseWith(lake.engine, await deliver({ 'next.csv': ['D'] }))).versions, 1);
});

test('where the engine fails for want of memory or by a fault of its own, nothing is refused and all is parsed later', async () => {
    const { lake } = world.workspace;
    const feed = await deliver({ 'a.csv': ['A', POISON], 'b.csv': ['E'] });
    // no such function: a fault of the program, not of a value
    await assert.rejects(parseWith(failingEngine(lake.engine, 'no_such_function(meter_key)'), feed), {
        code: 'engine.failed',
    });
    const totals = await parseWith(lake.engine, feed);
    assert.deepEqual([totals.payloads, totals.refused, totals.versions], [2, 0, 3]);
});
