// test limit: 240 s
import assert from 'node:assert/strict';
import {
    chmodSync,
    chownSync,
    existsSync,
    mkdirSync,
    readFileSync,
    renameSync,
    rmSync,
    statSync,
    writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { clusterOf, execute } from '../../src/store/cluster.ts';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { leaseServer, removeDatabase } from '../../src/store/embedded-postgres.ts';
import { isAlive, isPostgres, readPidFile } from '../../src/store/postmaster.ts';
import { makeScratchFolder, removeScratchFolder } from './scratch-home.ts';
import { killWorkers, WorkerProcess } from './worker-process.ts';

const needsRoot = process.getuid?.() !== 0 && 'only root can become another account';
const NOBODY = { uid: 65534, gid: 65534 };

/** The cluster of a home that can be reached, and its server. */
function serverOf(home: string): { folder: string; pid: number | undefined } {
    const folder = path.join(home, 'database', 'pg');
    return { folder, pid: readPidFile(folder)?.pid };
}

async function killServer(home: string): Promise<void> {
    const { pid } = serverOf(home);
    assert.ok(pid !== undefined, 'a server runs');
    process.kill(pid, 'SIGKILL');
    while (await isPostgres(pid, serverOf(home).folder)) await sleep(5);
}

/** The session of `db` dies too: it would outlive the server by some milliseconds, answer, and leave nothing to bring back. */
async function killServerAndSession(home: string, db: Database): Promise<void> {
    const [session] = await db.query<{ pid: number }>('select pg_backend_pid() as pid');
    assert.ok(session);
    await killServer(home);
    if (isAlive(session.pid)) process.kill(session.pid, 'SIGKILL');
}

/** Kills the server while a session of `db` stands still, which a session that computes does too: it goes on, and ends, half a second later. */
async function leaveOrphan(home: string, db: Database): Promise<{ readonly end: Promise<void> }> {
    const [session] = await db.query<{ pid: number }>('select pg_backend_pid() as pid');
    assert.ok(session);
    process.kill(session.pid, 'SIGSTOP');
    await killServer(home);
    return { end: sleep(500).then(() => void process.kill(session.pid, 'SIGCONT')) };
}

describe('the embedded database of a home', () => {
    const home = makeScratchFolder();
    after(async () => {
        await killWorkers();
        await removeScratchFolder(home);
    });

    it('is started once by processes that come together, and stopped by the last to leave', async () => {
        const workers = await Promise.all([1, 2, 3].map(() => new WorkerProcess(home).open()));
        const { pid } = serverOf(home);
        for (const worker of workers.slice(1)) assert.equal(await worker.leave(), 0);
        assert.equal(serverOf(home).pid, pid);
        assert.ok(pid && isAlive(pid));
        assert.equal(await workers[0]?.leave(), 0);
        assert.equal(serverOf(home).pid, undefined);
        assert.ok(!(await isPostgres(pid, serverOf(home).folder)));
        assert.deepEqual(
            workers.flatMap((worker) => worker.recovered),
            [],
        );
    });

    it('listens on loopback only, keeps its password to its owner and writes durably', async () => {
        const db = await openDatabase({ home, schema: 'gridtally' });
        try {
            const settings = await db.query<{ name: string; setting: string }>(
                `select name, setting from pg_settings where name = any($1) order by name`,
                [['listen_addresses', 'unix_socket_directories', 'fsync', 'synchronous_commit', 'TimeZone']],
            );
            assert.deepEqual(Object.fromEntries(settings.map((s) => [s.name, s.setting])), {
                TimeZone: 'UTC',
                fsync: 'on',
                listen_addresses: '127.0.0.1',
                synchronous_commit: 'on',
                unix_socket_directories: '',
            });
            assert.equal(statSync(path.join(home, 'database', 'password')).mode & 0o777, 0o600);
            assert.equal(statSync(serverOf(home).folder).mode & 0o077, 0);
            assert.deepEqual(db.recovered, []);
        } finally {
            await db.close();
        }
    });

    it('has a session of its own, so that Ctrl-C in a terminal does not reach it', {
        skip: process.platform !== 'linux' && 'only Linux tells of processes in /proc',
    }, async () => {
        const lease = await leaseServer(home);
        const { pid } = serverOf(home);
        const afterName = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '');
        // Fields 3 to 6 of proc(5): state, parent, process group, session.
        assert.deepEqual(afterName.split(' ').slice(2, 4), [String(pid), String(pid)]);
        await lease.release();
    });

    it('is used again when killed processes left it running, and says so', async () => {
        const worker = await new WorkerProcess(home).open();
        await worker.kill();
        const next = await new WorkerProcess(home).open();
        assert.match(next.recovered.join(), /left by processes that were killed/);
        assert.equal(await next.leave(), 0);
        assert.equal(serverOf(home).pid, undefined);
    });

    it('is started again after it was killed, and says so', async () => {
        const worker = await new WorkerProcess(home).open();
        await killServer(home);
        await worker.kill();
        const next = await new WorkerProcess(home).open();
        assert.match(next.recovered.join(), /had not been shut down/);
        await next.leave();
    });

    it('is started although another program has the pid that it had', async () => {
        const worker = await new WorkerProcess(home).open();
        await killServer(home);
        await worker.kill();
        const pidFile = path.join(serverOf(home).folder, 'postmaster.pid');
        writeFileSync(pidFile, readFileSync(pidFile, 'utf8').replace(/^\d+/, String(process.ppid)));
        const next = await new WorkerProcess(home).open();
        assert.match(next.recovered.join(), /had not been shut down/);
        await next.leave();
    });

    it('is started although a power cut left its pid file empty, cut off or garbled', async () => {
        for (const left of ['', '\0'.repeat(80), 'x', '-1\n']) {
            const worker = await new WorkerProcess(home).open();
            await killServer(home);
            await worker.kill();
            writeFileSync(path.join(serverOf(home).folder, 'postmaster.pid'), left);
            const next = await new WorkerProcess(home).open();
            assert.match(next.recovered.join(), /had not been shut down/);
            await next.leave();
        }
    });

    it('comes back while processes use it, and their work goes on', async () => {
        const db = await openDatabase({ home, schema: 'gridtally' });
        try {
            await db.query('create table counted (n int)');
            await killServerAndSession(home, db);
            await db.transaction((tx) => tx.query('insert into counted values (1)'));
            await killServerAndSession(home, db);
            assert.deepEqual(await db.query('select n from counted'), [{ n: 1 }]);
        } finally {
            await db.close();
        }
        assert.equal(serverOf(home).pid, undefined);
    });

    it('gets a new password where the file is gone', async () => {
        rmSync(path.join(home, 'database', 'password'));
        const lease = await leaseServer(home);
        assert.match(lease.recovered.join(), /password/);
        await lease.release();
    });

    it('gets a new password also where the server was killed and its pid now is another program’s', async () => {
        const worker = await new WorkerProcess(home).open();
        await killServer(home);
        await worker.kill();
        const pidFile = path.join(serverOf(home).folder, 'postmaster.pid');
        writeFileSync(pidFile, readFileSync(pidFile, 'utf8').replace(/^\d+/, String(process.ppid)));
        rmSync(path.join(home, 'database', 'password'));
        const lease = await leaseServer(home);
        assert.match(lease.recovered.join(), /had not been shut down.*password/);
        await lease.release();
        assert.equal(serverOf(home).pid, undefined);
    });

    it('gets a new password once a session that outlives its killed server has ended', async () => {
        const db = await openDatabase({ home, schema: 'gridtally' });
        const orphan = await leaveOrphan(home, db);
        rmSync(path.join(home, 'database', 'password'));
        const lease = await leaseServer(home);
        assert.match(lease.recovered.join(), /password/);
        await orphan.end;
        await db.close();
        await lease.release();
        assert.equal(serverOf(home).pid, undefined);
    });

    it('is not started again for one who has left', async () => {
        const lease = await leaseServer(home);
        const released = lease.release();
        await assert.rejects(lease.revive(), { code: 'database.unreachable' });
        await released;
        assert.equal(serverOf(home).pid, undefined);
    });

    it('waits for a session that outlives its killed server', async () => {
        const db = await openDatabase({ home, schema: 'gridtally' });
        const orphan = await leaveOrphan(home, db);
        await db.withLock('revive', 'exclusive', async () => {});
        await orphan.end;
        await db.close();
        assert.equal(serverOf(home).pid, undefined);
    });

    it('is not replaced by an empty one where its folder is gone', async () => {
        const { folder } = serverOf(home);
        renameSync(folder, `${folder}.away`);
        await assert.rejects(leaseServer(home), { code: 'database.start-failed', message: /missing/ });
        renameSync(`${folder}.away`, folder);
        await (await leaseServer(home)).release();
    });
});

describe('a program of the database', () => {
    // more than a pipe holds
    const input = 'select 1;\n'.repeat(100_000);

    it('that ends before it has read what it was given is told by what it said', async () => {
        const home = makeScratchFolder();
        const cluster = await clusterOf(home);
        const failing = execute(cluster, '/bin/sh', ['-c', 'echo it is busy >&2; exit 3'], input);
        await assert.rejects(failing, { code: 'database.start-failed', message: 'sh failed: it is busy' });
        const idle = execute(cluster, '/bin/sh', ['-c', 'exit 0'], input);
        await assert.rejects(idle, { code: 'database.start-failed', message: /^sh failed: .*EPIPE/ });
        await execute(cluster, '/bin/sh', ['-c', 'cat > /dev/null'], input);
        await removeScratchFolder(home);
    });
});

describe('the making of a home’s database', () => {
    it('is repeated after a kill at each of its steps', async () => {
        const home = makeScratchFolder();
        const killAt = async (pass: number) => {
            const env = { GRIDTALLY_CRASH: `start:${pass}`, GRIDTALLY_FORGET_UNSYNCED: '1' };
            const killed = new WorkerProcess(home, { env });
            await assert.rejects(killed.open());
            assert.equal(await killed.leave(), 'SIGKILL');
        };
        const openAgain = async () => {
            const worker = await new WorkerProcess(home).open();
            assert.equal(await worker.leave(), 0);
            return worker.recovered.join();
        };
        try {
            await killAt(1);
            await killAt(2);
            assert.match(await openAgain(), /interrupted/);
            await killAt(1);
            assert.equal(await openAgain(), '', 'nothing had begun');
            await removeDatabase(home);
            await killAt(3);
            assert.match(await openAgain(), /password/);
        } finally {
            await killWorkers();
            await removeScratchFolder(home);
        }
    });

    it('works for an account that is not root', { skip: needsRoot }, async () => {
        const home = makeScratchFolder();
        chownSync(home, NOBODY.uid, NOBODY.gid);
        try {
            const worker = await new WorkerProcess(home, NOBODY).open();
            assert.equal(statSync(serverOf(home).folder).uid, NOBODY.uid);
            assert.equal(await worker.leave(), 0);
            const lease = await leaseServer(home);
            const { pid } = serverOf(home);
            assert.match(
                readFileSync(`/proc/${pid}/status`, 'utf8'),
                /^Uid:\s+65534\s/m,
                'root runs it as its owner',
            );
            await lease.release();
        } finally {
            await killWorkers();
            await removeScratchFolder(home);
        }
    });

    it('goes elsewhere where the server’s account cannot reach the home, and is found there', {
        skip: needsRoot,
    }, async () => {
        const outer = makeScratchFolder();
        chmodSync(outer, 0o700);
        const home = path.join(outer, 'private');
        mkdirSync(home);
        try {
            for (const isFirst of [true, false]) {
                const db = await openDatabase({ home, schema: 'gridtally' });
                if (isFirst) await db.query('create table kept (n int)');
                assert.deepEqual(await db.query('select * from kept'), []);
                await db.close();
            }
            const place = readFileSync(path.join(home, 'database', 'place'), 'utf8').trim();
            assert.ok(existsSync(path.join(place, 'pg', 'PG_VERSION')));
            await removeDatabase(home);
            assert.ok(!existsSync(place));
        } finally {
            rmSync(outer, { recursive: true });
        }
    });
});

describe('many processes at once', () => {
    it('lose no acknowledged row when processes and servers are killed at random', async () => {
        const home = makeScratchFolder();
        const acknowledged: string[] = [];
        try {
            for (let round = 0; round < 4; round++) {
                const workers = [1, 2].map(() => new WorkerProcess(home, { insert: true }));
                await Promise.all(workers.map((worker) => worker.open()));
                await sleep(100 + Math.random() * 150);
                if (round % 2 === 1) await killServer(home);
                await sleep(Math.random() * 200);
                await workers[0]?.kill();
                if (round === 3) await workers[1]?.kill();
                else assert.equal(await workers[1]?.leave(), 0);
                acknowledged.push(...workers.flatMap((worker) => worker.acknowledged));
            }
            assert.ok(acknowledged.length > 50, `${acknowledged.length} rows were acknowledged`);
            const db = await openDatabase({ home, schema: 'gridtally' });
            const rows = await db.query<{ id: string }>('select row_id as id from acknowledged');
            await db.close();
            const kept = new Set(rows.map((row) => row.id));
            assert.deepEqual(
                acknowledged.filter((id) => !kept.has(id)),
                [],
            );
        } finally {
            await killWorkers();
            await removeScratchFolder(home);
        }
    });
});
