import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import pg from 'pg';
import { lockWithin, openDatabase, refuseOldServer } from '../../src/store/database.ts';
import { leaseServer } from '../../src/store/embedded-postgres.ts';
import { openScratchDatabase, urlOf } from './scratch-home.ts';

const { db, home, remove } = await openScratchDatabase();
after(remove);

async function serverUrl(): Promise<{ url: string; close(): Promise<void> }> {
    const { address, release } = await leaseServer(home);
    return { url: urlOf(address), close: release };
}

describe('values from the database', () => {
    it('come out exact: bigint as number, numeric and date as text, instants as epoch milliseconds', async () => {
        const rows = await db.query(
            `select 9007199254740991::bigint as largest, array[1, null]::bigint[] as list, 0.10::numeric as price,
                    array[1.50, 2]::numeric[] as prices, date '2013-05-01' as day, array[date '2013-05-01'] as days,
                    timestamptz '2013-10-27 01:30:00.123+01' as instant, array[timestamptz 'epoch'] as instants,
                    timestamptz 'infinity' as never, timestamp '2013-03-31 01:30' as local,
                    '\\x0aff'::bytea as bytes, '{"a": [1]}'::jsonb as document, null::bigint as nothing`,
        );
        assert.deepEqual(rows, [
            {
                largest: 9007199254740991,
                list: [1, null],
                price: '0.10',
                prices: ['1.50', '2'],
                day: '2013-05-01',
                days: ['2013-05-01'],
                instant: Date.UTC(2013, 9, 27, 0, 30, 0, 123),
                instants: [0],
                never: Number.POSITIVE_INFINITY,
                local: '2013-03-31 01:30:00',
                bytes: Buffer.from([10, 255]),
                document: { a: [1] },
                nothing: null,
            },
        ]);
    });

    it('stop the run where a bigint is beyond what a number holds', async () => {
        await assert.rejects(db.query('select 9007199254740992::bigint'), { name: 'AssertionError' });
        assert.deepEqual(await db.query('select 1 as one'), [{ one: 1 }]);
    });
});

describe('a server', () => {
    it('older than PostgreSQL 15 is refused, and 15 is not', () => {
        for (const version of [90_624, 140_020, 149_999])
            assert.throws(() => refuseOldServer(version), {
                name: 'GridtallyError',
                code: 'database.too-old',
            });
        assert.throws(() => refuseOldServer(140_020), /PostgreSQL 14$/);
        for (const version of [150_000, 180_004]) refuseOldServer(version);
    });
});

describe('a bulk load', () => {
    it('takes any text, null and bytes, and counts its rows', async () => {
        await db.query('create table loaded (n bigint, told text, bytes bytea, truth boolean)');
        const told = ['tab\there', 'line\nbreak\r', 'back\\slash \\N', '', 'é😀', '\\.'];
        const rows = told.map((text, i) => [i, text, Buffer.from(text), i % 2 === 0] as const);
        const count = await db.copyIn(
            'loaded',
            ['n', 'told', 'bytes', 'truth'],
            [...rows, [null, null, null, null]],
        );
        assert.equal(count, told.length + 1);
        const found = await db.query<{ told: string; bytes: Buffer; truth: boolean }>(
            'select told, bytes, truth from loaded where n is not null order by n',
        );
        assert.deepEqual(
            found,
            rows.map(([, text, bytes, truth]) => ({ told: text, bytes, truth })),
        );
        assert.deepEqual(await db.query('select count(*) as n from loaded where told is null'), [{ n: 1 }]);
    });

    it('leaves nothing behind when what gives its rows fails, and the connection stays usable', async () => {
        await db.query('create table unloaded (n int)');
        const failing = function* () {
            for (let n = 0; n < 100_000; n++) yield [n];
            throw new Error('no more rows');
        };
        await assert.rejects(
            db.transaction((tx) => tx.copyIn('unloaded', ['n'], failing())),
            /no more rows/,
        );
        await assert.rejects(db.copyIn('unloaded', ['n'], failing()), /no more rows/);
        await assert.rejects(db.copyIn('unloaded', ['n'], [['one']]), /invalid input syntax/);
        assert.deepEqual(await db.query('select * from unloaded'), []);
    });
});

describe('a transaction', () => {
    it('takes effect as a whole or not at all', async () => {
        await db.query('create table whole (n int)');
        const failure = db.transaction(async (tx) => {
            await tx.query('insert into whole values (1)');
            throw new Error('changed my mind');
        });
        await assert.rejects(failure, /changed my mind/);
        assert.deepEqual(await db.query('select * from whole'), []);
    });

    it('is refused when a failed statement was passed over', async () => {
        const passing = db.transaction(async (tx) => {
            await tx.query('insert into whole values (2)');
            await tx.query('select 1 / 0').catch(() => {});
        });
        await assert.rejects(passing, { name: 'AssertionError' });
        assert.deepEqual(await db.query('select * from whole'), []);
    });

    it('runs again after a serialization failure, so that no increment is lost', async () => {
        await db.query('create table counter as select 0 as n');
        const increment = () =>
            db.transaction(
                async (tx) => {
                    const [row] = await tx.query<{ n: number }>('select n from counter');
                    await tx.query('update counter set n = $1', [(row?.n ?? 0) + 1]);
                },
                { isolation: 'serializable' },
            );
        await Promise.all(Array.from({ length: 5 }, increment));
        assert.deepEqual(await db.query('select n from counter'), [{ n: 5 }]);
    });

    it('runs again when its connection was cut before the commit', async () => {
        let runs = 0;
        await db.transaction(async (tx) => {
            runs += 1;
            await tx.query('insert into whole values (3)');
            if (runs === 1) await tx.query('select pg_terminate_backend(pg_backend_pid())');
        });
        assert.equal(runs, 2);
        assert.deepEqual(await db.query('select n from whole'), [{ n: 3 }]);
    });

    it('may be one of more than there are connections', async () => {
        const told = await Promise.all(
            Array.from({ length: 40 }, (_, i) =>
                db.transaction((tx) => tx.query('select $1::int as i', [i])),
            ),
        );
        assert.deepEqual(
            told.flat(),
            Array.from({ length: 40 }, (_, i) => ({ i })),
        );
    });
});

describe('named locks', () => {
    it('are claimed by one only, and free again after the release', async () => {
        const first = await db.claim(['a', 'b', 'a']);
        const second = await db.claim(['b', 'c']);
        assert.deepEqual([...first.held].sort(), ['a', 'b']);
        assert.deepEqual([...second.held], ['c']);
        await first.release();
        const third = await db.claim(['a', 'b', 'c']);
        assert.deepEqual([...third.held].sort(), ['a', 'b']);
        await Promise.all([second.release(), third.release()]);
    });

    it('exclude each other while work runs, unless shared', async () => {
        let inside = 0;
        let most = 0;
        const enter = (mode: 'shared' | 'exclusive') =>
            db.withLock('door', mode, async () => {
                inside += 1;
                most = Math.max(most, inside);
                await db.query('select pg_sleep(0.02)');
                inside -= 1;
            });
        await Promise.all(Array.from({ length: 15 }, () => enter('exclusive')));
        assert.equal(most, 1);
        await Promise.all(Array.from({ length: 3 }, () => enter('shared')));
        assert.ok(most > 1);
    });
});

describe('a lock', () => {
    it('of a transaction and one around work exclude each other', async () => {
        const order: string[] = [];
        let locked = () => {};
        const isLocked = new Promise<void>((resolve) => {
            locked = resolve;
        });
        const transaction = db.transaction(async (tx) => {
            await lockWithin(tx, 'gate', 'shared');
            locked();
            await tx.query('select pg_sleep(0.2)');
            order.push('transaction');
        });
        await isLocked;
        await db.withLock('gate', 'exclusive', async () => {
            order.push('work');
        });
        await transaction;
        assert.deepEqual(order, ['transaction', 'work']);
    });

    it('tells its holders apart, also those of the same process', async () => {
        assert.deepEqual(await db.lockHolders('room'), new Set());
        await db.withLock('room', 'shared', async () => {
            const first = await db.lockHolders('room');
            assert.equal(first.size, 1);
            await db.withLock('room', 'shared', async () => {
                const both = await db.lockHolders('room');
                assert.equal(both.size, 2);
                assert.ok([...first].every((holder) => both.has(holder)));
            });
            assert.deepEqual(await db.lockHolders('room'), first);
            assert.deepEqual(await db.lockHolders('another room'), new Set());
        });
        assert.deepEqual(await db.lockHolders('room'), new Set());
    });
});

describe('connections for locks', () => {
    it('are used again, and yet each taking of a lock has a holder of its own', async () => {
        const holders: string[] = [];
        for (let taking = 0; taking < 3; taking += 1)
            await db.withLock('hall', 'shared', async () => {
                holders.push(...(await db.lockHolders('hall')));
            });
        const connections = holders.map((holder) => holder.split(',')[0]);
        assert.equal(new Set(holders).size, 3);
        assert.equal(new Set(connections).size, 1, 'one connection served all three');
    });

    it('are made anew where the kept ones were lost', async () => {
        await db.withLock('hall', 'exclusive', async () => {});
        await db.query(
            `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'gridtally, lock%'`,
        );
        let isReached = false;
        await db.withLock('hall', 'exclusive', async () => {
            isReached = true;
        });
        assert.ok(isReached);
        const claim = await db.claim(['one', 'two']);
        assert.deepEqual(claim.held, new Set(['one', 'two']));
        await claim.release();
    });
});

describe('database.url', () => {
    it('opens any server, with a schema for each home', async () => {
        const { url, close } = await serverUrl();
        try {
            const other = await openDatabase({ home, url, schema: 'another_home' });
            await other.query('create table whole (text text)');
            assert.deepEqual(await other.query('select * from whole'), []);
            assert.deepEqual(await other.query('select current_schema() as name'), [
                { name: 'another_home' },
            ]);
            const [mine, its] = await Promise.all([db.claim(['same']), other.claim(['same'])]);
            assert.deepEqual([mine.held.size, its.held.size], [1, 1]);
            await Promise.all([mine.release(), its.release()]);
            await other.close();
        } finally {
            await close();
        }
    });

    it('that has no connection left is waited for, and gives every waiting one its turn', async () => {
        const { url, close } = await serverUrl();
        await db.query(`create role narrow login password 'narrow' connection limit 3`);
        const narrow = Object.assign(new URL(url), { username: 'narrow', password: 'narrow' }).href;
        const others = [1, 2, 3].map(() => new pg.Client(narrow));
        try {
            for (const other of others) await other.connect();
            let isOpen = false;
            const opening = openDatabase({ home, url: narrow, schema: 'gridtally' }).then((database) => {
                isOpen = true;
                return database;
            });
            await sleep(300);
            assert.equal(isOpen, false, 'there is no room for it');
            await others.pop()?.end();
            const late = await opening;
            // one connection is there for eight statements and two claims
            await others.pop()?.end();
            const claims = Promise.all([late.claim(['one']), late.claim(['two'])]);
            await Promise.all(Array.from({ length: 8 }, () => late.query('select pg_sleep(0.02)')));
            await others.pop()?.end();
            for (const claim of await claims) {
                assert.equal(claim.held.size, 1);
                await claim.release();
            }
            await late.close();
        } finally {
            for (const other of others) await other.end();
            await close();
        }
    });

    it('that nobody answers is refused with host and port, and never with the password', async () => {
        const { url, close } = await serverUrl();
        await close();
        const wrong = url.replace(/:\/\/.*@/, '://gridtally:tellnobody@');
        for (const [address, message] of [
            ['postgres://gridtally:tellnobody@127.0.0.1:1/readings', /readings at 127\.0\.0\.1:1\b/],
            ['postgres://gridtally:tellnobody@127.0.0.1:99999/readings', /cannot use the database/],
            [wrong, /password authentication failed/],
        ] as const) {
            const error = await openDatabase({ home, url: address, schema: 'gridtally' }).then(
                () => assert.fail('it opened'),
                (e) => e,
            );
            assert.equal(error.code, 'database.unreachable');
            assert.match(error.message, message);
            assert.doesNotMatch(inspect(error, { depth: 10, showHidden: true }), /tellnobody/);
        }
    });
});
