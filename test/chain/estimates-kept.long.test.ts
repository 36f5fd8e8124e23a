// test limit: 240 s
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { openWorkspace } from '../../src/cli/workspace.ts';
import { planRefreshOf, refreshAll } from '../../src/pipeline/chain.ts';
import { verifyHome } from '../../src/pipeline/verify-home.ts';
import { endHome, inHome, ownDatabase, restore } from '../backup/backup-world.ts';
import { runCommand } from '../cli/run-command.ts';
import { type ChainWorld, openChainWorld } from './chain-world.ts';
import { snapshotOf, versionsIn } from './delta-replay.ts';
import { rebuild } from './rebuild-world.ts';
import { ingestReads } from './register-world.ts';
import { addHistoryFeed, HALF_HOUR, halfHours, ingestRows } from './validation-world.ts';

let world: ChainWorld;
let content: string[];

// a Monday; until the end of March local time is UTC
const MONDAY = Date.UTC(2024, 1, 5);
const DAY = 48 * HALF_HOUR;

/** Gaps for every method, and one for none; of two buckets, and over several commits. */
before(async () => {
    const values = `[${Array.from({ length: 48 }, (_, i) => `0.${100 + i}`).join(', ')}]`;
    const season = `{ from: 01-01, weekday: ${values}, saturday: ${values}, sunday: ${values} }`;
    world = await openChainWorld({
        marketZone: 'Europe/London',
        bucketSize: 16,
        estimates: true,
        loadShapes: `classes:\n  home: [${season}]\n`,
    });
    addHistoryFeed(world);
    const meters = Array.from({ length: 18 }, (_, i) => `K${String(i).padStart(2, '0')}`);
    const rows = meters.map((meter) => `P-${meter},${meter},30,2024-02-05`);
    await world.load(
        'metering-points',
        'points.csv',
        `metering_point_id,meter_id,interval_minutes,valid_from\n${rows.join('\n')}\n`,
    );
    // of the one every day is missing, of the other the first half-hours, between reads
    await world.load(
        'attributes',
        'attributes.csv',
        'metering_point_id,validation_class,annual_consumption\nP-K05,home,3000\nP-K00,home,\n',
    );
    for (const meter of ['K00', 'K17'])
        for (const day of [0, 1, 2, 3, 4]) {
            const missing = (slot: number) =>
                (day > 0 && slot >= 20 && slot < 22 + 4 * day) ||
                (day === 0 && slot < 3) ||
                (day === 3 && slot === 40);
            const values = Array.from({ length: 48 }, (_, i) => (missing(i) ? null : `0.${day + 1}${i}`));
            await ingestRows(world, halfHours(meter, MONDAY + day * DAY, values));
            if (day === 3) await refreshAll(world.workspace);
        }
    await ingestReads(
        world,
        ['K00', 'K17'].flatMap((meter) =>
            [0, 1, 2.4, 3].map((day) => ({ meter, at: MONDAY + day * DAY, kwh: `${day * 100}` })),
        ),
    );
    await refreshAll(world.workspace);
    content = await shown(world);
});

after(async () => {
    await endHome(path.join(world.folder, 'restored'));
    await world.end();
});

async function shown(of: ChainWorld, asOf?: number): Promise<string[]> {
    const lines: string[] = [];
    for (const query of [
        `select 'interval ' || concat_ws('|', meter_id, epoch_ms(period_from), kwh, quality, source_code) as line from reads_interval`,
        `select 'gap ' || concat_ws('|', meter_id, epoch_ms(gap_from), epoch_ms(gap_to), interval_count, coalesce(method, '-'), confidence, kwh_before,
            kwh_after, first_source_day, last_source_day, value_count, kwh, estimated_count, shape, epoch_ms(read_from), epoch_ms(read_to), advance_kwh,
            measured_kwh, epoch_ms(before_from), epoch_ms(after_from), shape_class, annual_kwh) as line from reading_estimates`,
        `select 'day ' || concat_ws('|', meter_id, day, kwh, estimated_kwh, estimated_count, missing_count) as line from reads_daily`,
    ])
        lines.push(...(await of.query(query, asOf)).map(({ line }) => String(line)));
    return lines.sort();
}

/** By an engine of its own: one that has read a file before may take its bytes from memory. */
async function faultsOf(homeFolder: string): Promise<string[]> {
    const workspace = await openWorkspace(homeFolder);
    try {
        return (await verifyHome(workspace)).faults.map(({ place, what }) => `${place} ${what}`);
    } finally {
        await workspace.close();
    }
}

test('every method has estimates here, and the home is sound', async () => {
    const methods = await world.query('select distinct method from reading_estimates order by 1 nulls first');
    assert.deepEqual(
        methods.map(({ method }) => method),
        [null, 'flat', 'like-day', 'linear', 'load-shape', 'register-scaled'],
    );
    const shapes = await world.query(
        'select distinct shape from reading_estimates where shape is not null order by 1',
    );
    assert.deepEqual(
        shapes.map(({ shape }) => shape),
        ['like-day', 'load-shape'],
    );
    assert.deepEqual(await faultsOf(world.homeFolder), []);
});

test('an estimate that is not what its gap says, or of no gap, is named', async () => {
    const { lake } = world.workspace;
    const changed = async (table: string, replaced: string, what: RegExp) => {
        const [row] = await lake.db.query<{ path: string; bytes: number }>(
            `select f.path, f.byte_count as bytes from lake_files f join partition_files p using (file_id)
              where f.table_name = $1 and p.removed_in is null and p.market_day = '2024-02-06' order by p.bucket, f.row_count limit 1`,
            [table],
        );
        assert.ok(row);
        const file = path.join(lake.folder, row.path);
        const other = path.join(world.folder, 'other.parquet');
        const session = await lake.engine.openSession();
        try {
            await session.run(
                `copy (select * replace (${replaced}) from read_parquet('${file}')) to '${other}' (format parquet)`,
            );
        } finally {
            await session.close();
        }
        const whole = readFileSync(file);
        const bytes = readFileSync(other);
        const size = (n: number) =>
            lake.db.query('update lake_files set byte_count = $1 where path = $2', [n, row.path]);
        writeFileSync(file, bytes);
        await size(bytes.length);
        const faults = await faultsOf(world.homeFolder);
        writeFileSync(file, whole);
        await size(row.bytes);
        assert.ok(
            faults.some((fault) => what.test(fault)),
            faults.join('\n'),
        );
    };
    const gaps =
        /^reading_estimates of 2024-02-06, bucket 0 has [1-9]\d* gaps whose estimates are not the intervals/;
    await changed('reading_estimates', 'kwh + 1 as kwh', gaps);
    await changed('reading_estimates', `'linear' as method`, gaps);
    await changed('reading_estimates', 'null as method', gaps);
    await changed(
        'reading_estimates',
        `gap_from + interval '30 minutes' as gap_from`,
        / and [1-9]\d* estimated intervals that are not of one gap, such as of channel \d+$/,
    );
    // the file with the fewest rows is that of the estimates
    await changed('reads_interval', `'linear' as source_code`, gaps);
    assert.deepEqual(await faultsOf(world.homeFolder), []);
});

test('as known now it is what is published', async () => {
    assert.deepEqual(await shown(world, Date.now()), content);
});

test('rebuilt from raw it has the same estimates', async () => {
    await rebuild(world);
    assert.deepEqual(await shown(world), content);
    assert.deepEqual((await planRefreshOf(world.workspace)).rebuilds, []);
    assert.deepEqual(await faultsOf(world.homeFolder), []);
});

test('backed up and restored it has the same estimates, none stale', async () => {
    const backups = path.join(world.folder, 'backups');
    const restored = path.join(world.folder, 'restored');
    const end = await runCommand(world.homeFolder, 'backup', backups, '--json');
    assert.equal(end.code, 0, end.said);
    assert.equal((await restore(backups, restored, ...ownDatabase())).code, 0);
    assert.deepEqual(await faultsOf(restored), []);
    await inHome(restored, world, async (there) => {
        assert.deepEqual(await shown(there), content);
        assert.deepEqual((await planRefreshOf(there.workspace)).rebuilds, []);
    });
});

test('other programs read the estimates with the readings, in the open table', async () => {
    await refreshAll(world.workspace);
    const folder = path.join(world.workspace.lake.folder, 'reads_interval');
    const { files } = await snapshotOf(folder, versionsIn(folder).at(-1) ?? 0);
    const list = [...files.keys()].map((file) => `'${path.join(folder, file)}'`).join(', ');
    const sums =
        'count(*) as rows, count(case when feed_id is null then 1 end) as estimates, sum(kwh) as kwh';
    const session = await world.workspace.lake.engine.openSession();
    try {
        const [read] = await session.rows(`select ${sums} from read_parquet([${list}])`);
        const [own] = await world.query(`select ${sums} from reads_interval`);
        assert.deepEqual(read, own);
        assert.ok(Number(read?.estimates) > 50);
    } finally {
        await session.close();
    }
});
