import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { compileModel } from '../../src/engine/compile.ts';
import { duckdbEngine } from '../../src/engine/duckdb/duckdb-engine.ts';
import type { Engine, EngineSession } from '../../src/engine/engine.ts';
import { makeScratchFolder, removeScratchFolder } from '../store/scratch-home.ts';

// The comparator alone, on sets of versions of one interval: each permutation of arrival is an interval of its own.
interface Version {
    readonly feed: keyof typeof FEEDS;
    /** null: withdrawn. */
    readonly kwh: string | null;
    readonly quality?: 'measured' | 'estimated' | 'withdrawn';
    readonly stamp?: number;
}

const FEEDS = {
    stamped: { id: 1, rank: 100, newestAlways: 0 },
    other: { id: 2, rank: 100, newestAlways: 0 },
    plain: { id: 3, rank: 100, newestAlways: 0 },
    second: { id: 4, rank: 100, newestAlways: 0 },
    eager: { id: 5, rank: 100, newestAlways: 1 },
    lesser: { id: 6, rank: 50, newestAlways: 0 },
} as const;

let engine: Engine;
let session: EngineSession;
let folder: string;
before(async () => {
    folder = makeScratchFolder();
    engine = duckdbEngine({ memoryLimit: '1GB', threads: 2, spillFolder: folder });
    session = await engine.openSession();
    await session.registerRows(
        'feed_precedence',
        [
            { name: 'feed_id', type: 'smallint' },
            { name: 'rank', type: 'integer' },
            { name: 'newest_always', type: 'integer' },
        ],
        Object.values(FEEDS).map((feed) => [feed.id, feed.rank, feed.newestAlways]),
    );
});
after(async () => {
    await session.close();
    await engine.close();
    await removeScratchFolder(folder);
});

function permutations<T>(items: readonly T[]): T[][] {
    if (items.length === 0) return [[]];
    return items.flatMap((item, i) =>
        permutations(items.filter((_, j) => j !== i)).map((rest) => [item, ...rest]),
    );
}

/** What decides each interval whose versions arrived in the given order: `feed kwh stamp flag`. */
async function decide(arrivals: readonly (readonly Version[])[]): Promise<string[]> {
    await session.registerRows(
        'arrived',
        [
            ...['channel_no integer', 'kwh decimal(18,6)', 'quality string', 'feed_id smallint'],
            ...['version_stamp bigint', 'sequence bigint'],
        ].map((text) => ({ name: text.split(' ')[0] ?? '', type: text.split(' ')[1] ?? '' })),
        arrivals.flatMap((versions, channelNo) =>
            versions.map(({ feed, kwh, quality, stamp }, sequence) => [
                channelNo,
                kwh,
                quality ?? (kwh === null ? 'withdrawn' : 'measured'),
                FEEDS[feed].id,
                stamp ?? null,
                sequence + 1,
            ]),
        ),
    );
    await session.materialise(
        'job_versions',
        `select date '2013-06-01' as market_day, a.*, timestamptz '2013-06-01 00:00:00+00' as period_from,
            cast(60 as smallint) as interval_minutes, cast(null as varchar) as source_code, cast(0 as bigint) as ordinal,
            timestamptz '2013-06-02 00:00:00+00' as received_at from arrived as a`,
    );
    for (const model of ['contested_keys', 'contested_versions', 'version_outcomes']) {
        await session.materialise(model, compileModel(`curation/${model}`, session.dialect).sql);
    }
    const rows = await session.rows(
        `select o.channel_no, o.feed_id, cast(o.kwh as varchar) as kwh, o.version_stamp, o.flags from (
             select r.*, v.kwh, v.version_stamp from version_outcomes as r inner join job_versions as v
                 on v.channel_no = r.channel_no and v.feed_id = r.feed_id and v.sequence = r.sequence
             where r.place_no = 1) as o order by o.channel_no`,
    );
    assert.equal(rows.length, arrivals.length, 'each interval is decided once');
    const nameOf = new Map(Object.entries(FEEDS).map(([name, feed]) => [Number(feed.id), name]));
    return rows.map((row) =>
        [
            nameOf.get(Number(row.feed_id)),
            row.kwh === null ? '-' : Number(row.kwh),
            row.version_stamp ?? '-',
            row.flags ?? '-',
        ].join(' '),
    );
}

async function expectAlways(versions: readonly Version[], expected: string): Promise<void> {
    assert.deepEqual([...new Set(await decide(permutations(versions)))], [expected]);
}

const CASES: readonly (readonly [what: string, versions: readonly Version[], expected: string])[] = [
    [
        'a stamp goes before none, whatever came last',
        [
            { feed: 'stamped', kwh: '1', stamp: 1 },
            { feed: 'plain', kwh: '9' },
            { feed: 'stamped', kwh: '2', stamp: 2 },
        ],
        'stamped 2 2 -',
    ],
    [
        'two feeds without stamps that differ: the larger content, flagged',
        [
            { feed: 'plain', kwh: '3' },
            { feed: 'second', kwh: '5' },
        ],
        'second 5 - conflict',
    ],
    [
        'two feeds without stamps that say the same are no conflict',
        [
            { feed: 'plain', kwh: '5' },
            { feed: 'second', kwh: '5' },
        ],
        'plain 5 - -',
    ],
    [
        'an estimate of one feed gives way to a measurement of another without a flag',
        [
            { feed: 'plain', kwh: '9', quality: 'estimated' },
            { feed: 'second', kwh: '1' },
            { feed: 'stamped', kwh: '8', quality: 'estimated', stamp: 7 },
        ],
        'second 1 - -',
    ],
    [
        'newest-always lifts its estimates to the class of measurements, where stamps decide',
        [
            { feed: 'eager', kwh: '4', quality: 'estimated', stamp: 9 },
            { feed: 'stamped', kwh: '6', stamp: 8 },
            { feed: 'plain', kwh: '7' },
        ],
        'eager 4 9 -',
    ],
    [
        'equal stamps of two feeds that differ: the larger content, flagged',
        [
            { feed: 'stamped', kwh: '2', stamp: 3 },
            { feed: 'other', kwh: '4', stamp: 3 },
            { feed: 'plain', kwh: '9' },
        ],
        'other 4 3 conflict',
    ],
    [
        'equal stamps of two feeds that say the same are no conflict',
        [
            { feed: 'stamped', kwh: '2', stamp: 3 },
            { feed: 'other', kwh: '2', stamp: 3 },
        ],
        'stamped 2 3 -',
    ],
    [
        'a withdrawal without a stamp against a value without one is a conflict, and the value is the larger content',
        [
            { feed: 'plain', kwh: null },
            { feed: 'second', kwh: '1' },
        ],
        'second 1 - conflict',
    ],
    [
        'rank goes before everything',
        [
            { feed: 'lesser', kwh: '9', stamp: 99 },
            { feed: 'plain', kwh: '1', quality: 'estimated' },
            { feed: 'lesser', kwh: '8', stamp: 100 },
        ],
        'plain 1 - -',
    ],
];

for (const [what, versions, expected] of CASES) {
    test(`${what}; in every order of arrival`, () => expectAlways(versions, expected));
}

test('within a feed without stamps the later receipt wins, beside a feed with stamps and beside another without', async () => {
    const first: Version = { feed: 'plain', kwh: '9' };
    const later: Version = { feed: 'plain', kwh: '1' };
    const foreign: Version = { feed: 'second', kwh: '5' };
    const weak: Version = { feed: 'stamped', kwh: '7', quality: 'estimated', stamp: 4 };
    const arrivals = permutations([first, later, foreign, weak]);
    const decided = await decide(arrivals);
    for (const [i, versions] of arrivals.entries()) {
        const isFirstLast = versions.indexOf(first) > versions.indexOf(later);
        const expected = isFirstLast ? 'plain 9 - conflict' : 'second 5 - conflict';
        assert.equal(decided[i], expected, versions.map(({ feed, kwh }) => `${feed} ${kwh}`).join(', '));
    }
});

test('the order of candidates is transitive: the winner of a set wins against each other one of it', async () => {
    const candidates: Version[] = [
        { feed: 'stamped', kwh: '1', stamp: 5 },
        { feed: 'other', kwh: '9', stamp: 4 },
        { feed: 'plain', kwh: '5' },
        { feed: 'second', kwh: '3' },
        { feed: 'eager', kwh: '4', quality: 'estimated', stamp: 4 },
        { feed: 'lesser', kwh: '8', stamp: 9 },
    ];
    const sets = Array.from({ length: 2 ** candidates.length }, (_, bits) =>
        candidates.filter((__, i) => bits & (1 << i)),
    ).filter((set) => set.length > 1);
    const decided = await decide(sets);
    const feedOf = (line: string | undefined) => line?.split(' ')[0];
    for (const [i, set] of sets.entries()) {
        const winner = set.find(({ feed }) => feed === feedOf(decided[i]));
        for (const loser of set.filter((one) => one !== winner)) {
            const pair = sets.findIndex(
                (one) => one.length === 2 && one.every((v) => v === winner || v === loser),
            );
            assert.equal(feedOf(decided[pair]), winner?.feed, `${winner?.feed} against ${loser.feed}`);
        }
    }
});
