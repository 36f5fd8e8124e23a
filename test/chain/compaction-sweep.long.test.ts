import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { overrideModel } from '../../src/engine/compile.ts';
import { compact } from '../../src/lake/compaction.ts';
import { sweep } from '../../src/lake/sweep.ts';
import { planRefreshOf, refreshAll } from '../../src/pipeline/chain.ts';
import { readStatus } from '../../src/pipeline/status.ts';
import {
    type ChainWorld,
    handClock,
    openChainWorld,
    publishedContent,
    readingsCsv,
    variedContract,
} from './chain-world.ts';

const HOUR = 3_600_000;
const FROM = Date.parse('2013-05-01T00:00:00Z');
const clock = handClock('2013-06-01T00:00:00Z');
let world: ChainWorld;
let content: string[];
let rows: string[];
const seen: { at: number; content: string[] }[] = [];

/** Everything in the tables that grow by appending, as sorted texts. */
async function appendedRows(): Promise<string[]> {
    const tables = ['reading_versions', 'quarantined_rows', 'waiting_rows'];
    return world.withViews(async (session) => {
        const all: string[] = [];
        for (const table of tables) {
            const found = await session.rows(
                `select '${table} ' || cast(t as varchar) as line from ${table} as t`,
            );
            all.push(...found.map(({ line }) => String(line)));
        }
        return all.sort();
    });
}

/** But for the logs of open tables, which no commit names. */
function lakeFiles(): string[] {
    const { folder } = world.workspace.lake;
    return readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
        .filter((file) => !file.includes('_delta_log'))
        .sort();
}

before(async () => {
    world = await openChainWorld({ marketZone: 'Europe/London', clock });
    world.contract('waits', variedContract('generic-csv', 'waits', { unknownMeter: 'wait' }));
    await world.load(
        'metering-points',
        'two.csv',
        'metering_point_id,meter_id,interval_minutes,valid_from\nP1,A,60,2013-05-01\nP2,B,60,2013-05-01\n',
    );
    for (let n = 0; n < 6; n += 1) {
        clock.at += HOUR;
        const readings = ['A', 'B', 'C'].flatMap((meter) =>
            Array.from({ length: 30 }, (_, i) => ({
                meter,
                at: FROM + i * HOUR,
                minutes: 60,
                kwh: `${n}.${i}`,
                version: n + (i % 3),
            })),
        );
        const broken = { meter: 'A', at: FROM, minutes: 60, kwh: 'none' };
        await world.ingest('waits', { [`${n}.csv`]: readingsCsv([...readings, broken]) });
        await refreshAll(world.workspace);
        seen.push({ at: clock.at, content: await publishedContent(world) });
    }
    content = await publishedContent(world);
    rows = await appendedRows();
});

after(() => world.end());

test('compaction joins files and changes neither content nor what is stale', async () => {
    const status = await readStatus(world.workspace.lake);
    const result = await compact(world.workspace.lake);
    // Versions of two days, quarantined and waiting rows: a file of each from every delivery.
    assert.ok(result.filesBefore >= 18, `${result.filesBefore} files were joined`);
    assert.ok(result.filesAfter * 5 <= result.filesBefore);
    assert.deepEqual(await appendedRows(), rows);
    assert.deepEqual(await publishedContent(world), content);
    assert.deepEqual((await planRefreshOf(world.workspace)).rebuilds, []);
    const { lakeFiles: _f, lakeBytes: _b, ...counts } = await readStatus(world.workspace.lake);
    const { lakeFiles: _g, lakeBytes: _c, ...countsBefore } = status;
    assert.deepEqual(counts, countsBefore);
});

test('a second compaction finds nothing to join', async () => {
    assert.deepEqual(await compact(world.workspace.lake), { filesBefore: 0, filesAfter: 0 });
});

test('a sweep keeps what was replaced recently', async () => {
    const result = await sweep(world.workspace.lake, { retiredBefore: FROM });
    assert.deepEqual(result, { retiredFiles: 0, orphanFiles: 0, bytes: 0, removed: [] });
});

test('a sweep removes replaced files and orphans whatever their age, and no others', async () => {
    const { lake } = world.workspace;
    const orphan = (name: string) => {
        const file = path.join(lake.folder, 'reads_daily', name, 'rows.parquet');
        mkdirSync(path.dirname(file), { recursive: true });
        writeFileSync(file, 'left by a crash');
        return file;
    };
    const [old, young] = [orphan('old'), orphan('young')];
    utimesSync(old, new Date(FROM), new Date(FROM));
    const before = lakeFiles().length;
    const result = await sweep(lake, { retiredBefore: clock.at + HOUR });
    assert.ok(result.retiredFiles > 20, `${result.retiredFiles} replaced files`);
    assert.equal(result.orphanFiles, 2);
    assert.equal(
        result.bytes,
        result.removed.reduce((sum, { bytes }) => sum + bytes, 0),
    );
    assert.deepEqual(
        result.removed.filter(({ why }) => why === 'orphaned').map(({ path: file }) => file),
        ['reads_daily/old/rows.parquet', 'reads_daily/young/rows.parquet'],
    );
    assert.equal(result.removed.length, result.retiredFiles + result.orphanFiles);
    assert.ok(result.bytes > 0);
    assert.deepEqual([existsSync(old), existsSync(young)], [false, false]);
    const known = await lake.db.query<{ path: string }>('select path from lake_files order by path');
    assert.deepEqual(lakeFiles(), known.map((row) => row.path).sort());
    assert.equal(lakeFiles().length, before - result.retiredFiles - result.orphanFiles);
});

test('after the sweep everything reads as before, also as it was known earlier', async () => {
    assert.deepEqual(await publishedContent(world), content);
    assert.deepEqual(await appendedRows(), rows);
    assert.deepEqual((await planRefreshOf(world.workspace)).rebuilds, []);
    for (const { at, content: then } of seen) assert.deepEqual(await publishedContent(world, at), then);
});

test('a correction after compaction is merged as ever', async () => {
    clock.at += HOUR;
    await world.ingest('waits', {
        'after.csv': readingsCsv([{ meter: 'A', at: FROM, minutes: 60, kwh: '99', version: 99 }]),
    });
    const plan = await planRefreshOf(world.workspace);
    assert.deepEqual(
        plan.rebuilds.map((r) => `${r.marketDay} ${r.kind}`),
        ['2013-05-01 merge'],
    );
    await refreshAll(world.workspace);
    const now = await publishedContent(world);
    assert.notDeepEqual(now, content);
    assert.deepEqual(await publishedContent(world, clock.at), now);
});

test('rows that waited through a compaction are released by the load of their meter', async () => {
    clock.at += HOUR;
    const load = await world.load(
        'metering-points',
        'third.csv',
        'metering_point_id,meter_id,interval_minutes,valid_from\nP3,C,60,2013-05-01\n',
    );
    assert.deepEqual([load.released, load.stillWaiting], [180, 0]);
    await refreshAll(world.workspace);
    const [row] = await world.query(
        `select count(*) as n from reads_15min where meter_id = 'C' and quality_flag = 'good'`,
    );
    assert.equal(Number(row?.n), 30);
});

test('a file of two days, one of them joined, counts once in both when all is rebuilt', async () => {
    const third = FROM + 48 * HOUR;
    for (let n = 0; n < 4; n += 1) {
        clock.at += HOUR;
        const hours = n < 3 ? [0, 1, 24, 25] : [0, 1];
        const readings = hours.map((h) => ({ meter: 'A', at: third + h * HOUR, minutes: 60, kwh: `${n}.5` }));
        await world.ingest('waits', {
            [`pair-${n}.csv`]: readingsCsv(readings.map((r) => ({ ...r, version: n }))),
        });
    }
    await refreshAll(world.workspace);
    const [published, appended] = [await publishedContent(world), await appendedRows()];
    await compact(world.workspace.lake);
    assert.deepEqual(await appendedRows(), appended);
    const restore = overrideModel('curation/job_versions', (text) => `${text}\n-- anew`);
    try {
        const { rebuilt } = await refreshAll(world.workspace);
        assert.ok(rebuilt > 1);
        assert.deepEqual(await publishedContent(world), published);
    } finally {
        restore();
    }
});

test('a compaction that lost its lock, and whose files another one joined meanwhile, begins anew', async () => {
    for (let n = 0; n < 4; n += 1) {
        clock.at += HOUR;
        const reading = { meter: 'A', at: FROM, minutes: 60, kwh: `${n}.25`, version: 200 + n };
        await world.ingest('waits', { [`raced-${n}.csv`]: readingsCsv([reading]) });
    }
    const before = await appendedRows();
    const { lake } = world.workspace;
    let others = 0;
    const withoutLock: typeof lake = {
        ...lake,
        db: new Proxy(lake.db, {
            get(db, name) {
                if (name === 'withLock') return (_name: string, _mode: string, work: () => unknown) => work();
                const value = db[name as keyof typeof db];
                return typeof value === 'function' ? value.bind(db) : value;
            },
        }),
        engine: {
            ...lake.engine,
            async openSession(wishes) {
                // after it has seen which files there are, and before it commits
                others += 1;
                if (others === 1) assert.ok((await compact(lake)).filesBefore > 0);
                return lake.engine.openSession(wishes);
            },
        },
    };
    assert.deepEqual(await compact(withoutLock), { filesBefore: 0, filesAfter: 0 });
    assert.ok(others > 0);
    assert.deepEqual(await appendedRows(), before);
});
