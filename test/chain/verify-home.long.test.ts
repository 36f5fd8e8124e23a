// test limit: 300 s
import assert from 'node:assert/strict';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { openWorkspace } from '../../src/cli/workspace.ts';
import { monthPeriod } from '../../src/kernel/calendar-date.ts';
import { sweep } from '../../src/lake/sweep.ts';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { draftPeriod } from '../../src/pipeline/draft-period.ts';
import { publishOpen } from '../../src/pipeline/open-tables.ts';
import { type HomeFault, verifyHome } from '../../src/pipeline/verify-home.ts';
import { runCommand } from '../cli/run-command.ts';
import { publishedContent } from './chain-world.ts';
import { openRebuildTown, type RebuildTown, rebuild } from './rebuild-world.ts';

let given: RebuildTown;
let content: string[];

before(async () => {
    given = await openRebuildTown();
    await draftPeriod(given.town.workspace, monthPeriod('2013-04'));
    await publishOpen(given.town.workspace, { bills: 'all' });
    content = await publishedContent(given.town);
});

after(() => given.town.end());

/** By an engine of its own: one that has read a file before may take its bytes from memory. */
async function verify(): Promise<readonly HomeFault[]> {
    const workspace = await openWorkspace(given.town.homeFolder);
    try {
        return (await verifyHome(workspace)).faults;
    } finally {
        await workspace.close();
    }
}

/** The live file of a table with the most rows. */
async function fileOf(table: string): Promise<string> {
    const { db, lake } = given.town.workspace;
    const [row] = await db.query<{ path: string }>(
        `select f.path from lake_files f join partition_files p using (file_id)
          where f.table_name = $1 and p.removed_in is null order by f.row_count desc, f.path limit 1`,
        [table],
    );
    return path.join(lake.folder, row?.path ?? '');
}

/** Writes other bytes into a file while something is asserted. */
async function whileChanged(file: string, change: (bytes: Buffer) => Buffer, work: () => Promise<void>) {
    const whole = readFileSync(file);
    writeFileSync(file, change(Buffer.from(whole)));
    try {
        await work();
    } finally {
        writeFileSync(file, whole);
    }
}

test('a sound home is sound, and the command says so', async () => {
    assert.deepEqual(await verify(), []);
    const end = await runCommand(given.town.homeFolder, 'verify', '--json');
    assert.equal(end.code, 0, end.out);
    const { isSound, segments, lakeFiles, partitions } = JSON.parse(end.out);
    assert.deepEqual(
        [isSound, segments > 0, lakeFiles > 20, partitions > 3],
        [true, true, true, true],
        end.out,
    );
});

test('a file of the lake that is gone, cut off or changed is named with what to do', async () => {
    for (const table of ['reading_versions', 'reads_hourly']) {
        const file = await fileOf(table);
        const only = async (what: RegExp) => {
            const faults = await verify();
            assert.deepEqual(
                faults.map(({ area, place }) => [area, place]),
                [['lake', file]],
                JSON.stringify(faults),
            );
            assert.match(faults[0]?.what ?? '', what);
            assert.match(faults[0]?.remedy ?? '', /rebuild --from-raw/);
        };
        renameSync(file, `${file}.away`);
        await only(/^is missing$/);
        renameSync(`${file}.away`, file);
        await whileChanged(
            file,
            (bytes) => bytes.subarray(0, -1),
            () => only(/has \d+ bytes where \d+/),
        );
        await whileChanged(
            file,
            (bytes) => bytes.fill(0, 4, bytes.length >> 1),
            () => only(/cannot be read/),
        );
    }
    assert.deepEqual(await verify(), []);
});

test('a day whose values are not what its hours and its day say is named, be the file ever so whole', async () => {
    const { workspace } = given.town;
    const file = await fileOf('reads_interval');
    const changed = path.join(given.town.folder, 'changed.parquet');
    const session = await workspace.lake.engine.openSession();
    try {
        await session.run(
            `copy (select * replace (cast(kwh + 0.000001 as decimal(18,6)) as kwh) from read_parquet('${file}')) to '${changed}' (format parquet)`,
        );
    } finally {
        await session.close();
    }
    const bytes = readFileSync(changed);
    const { db } = workspace;
    const size = (n: number) =>
        db.query('update lake_files set byte_count = $1 where path = $2', [
            n,
            path.relative(workspace.lake.folder, file),
        ]);
    const before = readFileSync(file).length;
    await size(bytes.length);
    await whileChanged(
        file,
        () => bytes,
        async () => {
            // its log tells its length too
            const faults = (await verify()).filter(({ area }) => area !== 'open-tables');
            assert.equal(faults.length, 1);
            assert.match(faults[0]?.place ?? '', /^reads_interval of 2013-\d\d-\d\d, bucket 0$/);
            assert.match(
                faults[0]?.what ?? '',
                /channel-days whose intervals, hours, gaps and day do not say the same/,
            );
        },
    );
    await size(before);
    assert.deepEqual(await verify(), []);
});

test('what the catalogue says of a partition and its files do not hold is named', async () => {
    const { db } = given.town.workspace;
    const change = async (set: string, back: string, what: RegExp) => {
        const where = `where table_name = 'reads_interval' and row_count > 0 and (market_day, bucket) in (
            select market_day, bucket from partitions where table_name = 'reads_interval' and row_count > 0 order by 1, 2 limit 1)`;
        await db.query(`update partitions set ${set} ${where}`);
        const faults = await verify();
        await db.query(`update partitions set ${back} ${where}`);
        assert.equal(faults.length, 1, JSON.stringify(faults));
        assert.match(faults[0]?.what ?? '', what);
    };
    await change(
        `checksum = checksum || '0'`,
        `checksum = left(checksum, -1)`,
        /has the checksum \d+-\d+ where/,
    );
    await change(
        'row_count = row_count + 1',
        'row_count = row_count - 1',
        /rows by the catalogue, and \d+ in its files/,
    );
    assert.deepEqual(await verify(), []);
});

test('a file that has an interval twice, where curation was told that it has none, is named', async () => {
    const { db } = given.town.workspace;
    const told = await db.query<{ id: number }>(
        `update lake_files set has_each_interval_once = true where table_name = 'reading_versions' and not has_each_interval_once
         returning file_id as id`,
    );
    const faults = await verify();
    await db.query('update lake_files set has_each_interval_once = false where file_id = any($1)', [
        told.map(({ id }) => id),
    ]);
    assert.ok(faults.length > 0 && faults.length < told.length, JSON.stringify(faults));
    for (const { what } of faults) assert.match(what, /^has an interval twice, where the catalogue says/);
    assert.deepEqual(await verify(), []);
});

test('damage of raw bytes, of a log, of sequences and of bills is told', async () => {
    const { db, raw, lake } = given.town.workspace;
    const one = async (area: HomeFault['area'], what: RegExp) => {
        const faults = await verify();
        assert.equal(faults.length, 1, JSON.stringify(faults));
        assert.equal(faults[0]?.area, area);
        assert.match(`${faults[0]?.place} ${faults[0]?.what}`, what);
    };
    const [segment] = await db.query<{ path: string }>('select path from segments order by 1 limit 1');
    const file = path.join(raw.folder, segment?.path ?? '');
    await whileChanged(
        file,
        (bytes) => bytes.fill(0, bytes.length - 9, bytes.length - 8),
        () => one('raw', /does not have its SHA-256/),
    );
    const log = path.join(lake.folder, 'reads_daily', '_delta_log', `${'0'.repeat(20)}.json`);
    await whileChanged(
        log,
        (bytes) => Buffer.concat([bytes, Buffer.from('{}\n')]),
        () => one('open-tables', /is not what the catalogue says/),
    );
    const [{ at } = { at: 0 }] = await db.query<{ at: number }>(
        'select last_value as at from payload_sequence',
    );
    await db.query(`select setval('payload_sequence', 1)`);
    await one('database', /payload_sequence stands at 1, and receipt \d+ was given/);
    await db.query(`select setval('payload_sequence', $1)`, [at]);
    const sequence = `pg_get_serial_sequence('commits', 'commit_no')`;
    const [{ n } = { n: 0 }] = await db.query<{ n: number }>('select max(commit_no) as n from commits');
    await db.query(`select setval(${sequence}, 1)`);
    await one('database', /commit_no_seq stands at 1, and commits has the number/);
    await db.query(`select setval(${sequence}, $1)`, [n]);
    const bill = 'where bill_no = (select min(bill_no) from bills)';
    await db.query(`update bills set amount_due = amount_due + 1 ${bill}`);
    await one('database', / and its lines are /);
    await db.query(`update bills set amount_due = amount_due - 1 ${bill}`);
    await db.query(`update bills set document = jsonb_set(document::jsonb, '{accountId}', '"x"') ${bill}`);
    await one('database', / is a document that is not what was hashed when it was made/);
    await db.query(`update bills set document = jsonb_set(document::jsonb, '{accountId}', to_jsonb((
        select account_id from accounts a where a.account_no = bills.account_no))) ${bill}`);
    await db.query(`update bills set inputs_sha256 = 'x' || inputs_sha256 ${bill}`);
    await one('database', / names inputs that are not kept/);
    await db.query(`update bills set inputs_sha256 = substr(inputs_sha256, 2) ${bill}`);
    assert.deepEqual(await verify(), []);
});

test('what the advice says mends the lake, and the content is the same', async () => {
    const { town } = given;
    for (const table of ['reading_versions', 'reads_interval', 'reads_hourly']) rmSync(await fileOf(table));
    const told = await runCommand(town.homeFolder, 'verify');
    assert.equal(told.code, 1);
    assert.match(told.out, /^lake: .* is missing\n(.*\n)*.*Run `gridtally rebuild --from-raw`/m);
    await rebuild(town);
    await sweep(town.workspace.lake, { retiredBefore: Date.now() + 1000 });
    assert.deepEqual(await verify(), []);
    await refreshAll(town.workspace);
    assert.deepEqual(await publishedContent(town), content);
});
