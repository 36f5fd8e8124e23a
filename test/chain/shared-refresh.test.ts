import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine } from '../../src/engine/engine.ts';
import { standingSnapshot } from '../../src/lake/dimension-snapshot.ts';
import type { Lake } from '../../src/lake/lake.ts';
import { isInLog } from '../../src/lake/open-table-log.ts';
import { currentPlan, refresh } from '../../src/lake/refresh.ts';
import { feedsOf, parseReceived, planRefreshOf, precedenceOf, refreshAll } from '../../src/pipeline/chain.ts';
import { work } from '../../src/pipeline/work.ts';
import { PROGRAM } from '../program.ts';
import { type ChainWorld, openChainWorld, type ReadingRow, readingsCsv } from './chain-world.ts';
import { addHistoryFeed, ingestRows } from './validation-world.ts';

const HOUR = 3_600_000;
const FIRST_DAY = Date.parse('2013-05-01T00:00:00Z');
let world: ChainWorld;

before(async () => {
    world = await openChainWorld({ marketZone: 'UTC' });
});
after(() => world.end());

function rowsOfDay(day: number, hours: number, version: number): ReadingRow[] {
    return Array.from({ length: hours }, (_, i) => ({
        meter: 'A',
        at: FIRST_DAY + (day * 24 + i) * HOUR,
        minutes: 60,
        kwh: String(version),
        version,
    }));
}

function dayOf(day: number, hours: number, version: number): string {
    return readingsCsv(rowsOfDay(day, hours, version));
}

/** Files of the lake that no commit names, but for the logs of open tables: somebody computed them in vain. */
async function namelessFiles(): Promise<string[]> {
    const { lake } = world.workspace;
    const rows = await lake.db.query<{ path: string }>('select path from lake_files');
    const named = new Set(rows.map((row) => row.path));
    return readdirSync(lake.folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => path.relative(lake.folder, path.join(entry.parentPath, entry.name)))
        .filter((file) => !named.has(file) && !isInLog(file));
}

/** One job at a time; `meanwhile` happens once, between plan and end of the first job. */
function interrupted(engine: Engine, meanwhile: () => Promise<unknown>): Engine {
    let isDone = false;
    return {
        ...engine,
        jobsAtOnce: 1,
        openSession: async (wishes) => {
            if (!isDone) {
                isDone = true;
                await meanwhile();
            }
            return engine.openSession(wishes);
        },
    };
}

test('what another process has published since the plan was made is not made again', async () => {
    const { workspace } = world;
    const { lake } = workspace;
    await world.ingest('generic-csv', { 'first.csv': dayOf(0, 24, 1) });
    await refreshAll(workspace);
    // two jobs: a correction of the first day is merged, the second day is new
    await world.ingest('generic-csv', { 'correction.csv': dayOf(0, 1, 2), 'second.csv': dayOf(1, 24, 1) });
    const feeds = precedenceOf(await feedsOf(workspace));
    const plan = await currentPlan(lake, feeds);
    assert.deepEqual(
        plan.rebuilds.map((r) => r.kind),
        ['merge', 'curate'],
    );

    const stop = new AbortController();
    const other: Lake = { ...lake, bulkEngine: { ...lake.bulkEngine, jobsAtOnce: 1 }, stop: stop.signal };
    const otherResults: object[] = [];
    const own: Lake = {
        ...lake,
        bulkEngine: interrupted(lake.bulkEngine, async () => {
            // the first job is claimed by now, so that the other process gets the second one
            const result = await refresh(
                other,
                async () => feeds,
                ({ done, total }) => {
                    if (done === total) stop.abort();
                },
            );
            otherResults.push(result);
        }),
    };
    const result = await refresh(own, async () => feeds);
    const nothing = { rebuilt: 0, merged: 0, removed: 0, changedChannelDays: 0, marked: 0 };
    assert.deepEqual(otherResults, [{ ...nothing, rebuilt: 1, changedChannelDays: 1, lostRaces: 1 }]);
    assert.deepEqual(result, { ...nothing, merged: 1, changedChannelDays: 1, marked: 2, lostRaces: 1 });
    assert.deepEqual(await namelessFiles(), []);
    assert.deepEqual(await currentPlan(lake, feeds), { rebuilds: [], upToDate: 2 });
});

test('of a feed that delivers for the first time while a refresh runs, nothing is left out', async () => {
    const newcomers = await openChainWorld({ marketZone: 'UTC' });
    try {
        const { workspace } = newcomers;
        addHistoryFeed(newcomers);
        await newcomers.ingest('generic-csv', { 'first.csv': dayOf(0, 24, 1) });
        const { bulkEngine } = workspace.lake;
        const interruptedEngine = interrupted(bulkEngine, async () => {
            // two versions of an interval: which wins goes by what is known of their feed
            for (const version of [2, 3]) await ingestRows(newcomers, rowsOfDay(0, 12, version));
        });
        const lake: Lake = { ...workspace.lake, bulkEngine: interruptedEngine };
        await refreshAll({ ...workspace, lake });
        const rows = await newcomers.query('select count(*) as n, sum(kwh) as kwh from reads_interval');
        assert.deepEqual(rows, [{ n: 24n, kwh: '48.000000' }]);
        assert.deepEqual((await planRefreshOf(workspace)).rebuilds, []);
    } finally {
        await newcomers.end();
    }
});

test('a worker that is stopped leaves the rest, and the next one does it', async () => {
    const { workspace } = world;
    await world.ingest('generic-csv', { 'third.csv': dayOf(2, 24, 1), 'changed.csv': dayOf(1, 1, 3) });
    const stopped = new AbortController();
    stopped.abort();
    const { ended, ...counts } = await work(workspace, { stop: stopped.signal });
    assert.equal(ended, 'stopped');
    assert.ok(Object.values(counts).every((n) => n === 0));

    const half = new AbortController();
    const first = await work(workspace, { stop: half.signal, onProgress: () => half.abort() });
    assert.equal(first.ended, 'stopped');
    const second = await work(workspace);
    assert.equal(second.ended, 'idle');
    assert.equal(first.rebuilt + first.merged + second.rebuilt + second.merged, 2);
    assert.deepEqual(await namelessFiles(), []);
});

test('a follower publishes master data that are loaded while nothing else comes', async () => {
    const { lake } = world.workspace;
    const stop = new AbortController();
    const following = work(world.workspace, { isFollowing: true, pollMs: 20, stop: stop.signal });
    const standing = () => standingSnapshot(lake, 'metering_point_attributes', lake.db);
    const changed = async (from: string | undefined) => {
        for (;;) {
            const now = await standing();
            if (now !== undefined && now !== from) return now;
            await sleep(20);
        }
    };
    const before = await changed(undefined);
    const [point] = await world.query('select metering_point_id as id from channels limit 1');
    const text = `metering_point_id,attribute,value\n${point?.id},region,north\n`;
    await world.load('attributes', 'attributes.csv', text);
    assert.notEqual(await changed(before), before);
    stop.abort();
    await following;
});

test('work that follows ends in good order when its terminal is closed', async () => {
    const args = [PROGRAM, 'work', '--follow', '--home', world.homeFolder];
    const command = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    const ended = once(command, 'exit');
    let said = '';
    await new Promise<void>((resolve) => {
        command.stderr.on('data', (chunk) => {
            said += chunk;
            if (said.includes('at work')) resolve();
        });
    });
    command.kill('SIGHUP');
    assert.deepEqual(await ended, [0, null]);
    assert.match(said, /SIGHUP: ending after the step under way/);
});

test('a follower takes up what comes later, and ends when it is told', async () => {
    const { workspace } = world;
    const stop = new AbortController();
    const rounds = Promise.withResolvers<number>();
    const following = work(workspace, {
        isFollowing: true,
        pollMs: 20,
        stop: stop.signal,
        onRound: (round) => rounds.resolve(round.rebuilt),
    });
    await world.ingest('generic-csv', { 'fourth.csv': dayOf(3, 24, 1) });
    assert.equal(await rounds.promise, 1);
    stop.abort();
    assert.equal((await following).ended, 'stopped');
    assert.equal(Number((await world.query(`select count(*) as n from reads_daily`))[0]?.n), 4);
    assert.equal((await parseReceived(workspace)).payloads, 0);
});
