// test limit: 900 s
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { OPEN_TABLE_NAMES, type OpenTableName } from '../../src/contracts/open-tables.ts';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { versionsIn } from '../chain/delta-replay.ts';
import { LCL_SKIP, lclHomes, lclTexts } from '../chain/lcl-files.ts';
import {
    columnsOf,
    liveThroughMay,
    type OpenTablesWorld,
    openOpenTablesWorld,
    type SeenVersion,
} from '../chain/open-tables-world.ts';
import { DELTA_JAR_FILES, READER_PYTHON, READER_SKIPS, READER_SPARK } from './reader-cache.ts';

type Reader = keyof typeof READER_SKIPS;
const READERS = Object.keys(READER_SKIPS) as Reader[];
const SCRIPT = path.join(import.meta.dirname, 'read-open-tables.py');
const DOCUMENT = path.join(import.meta.dirname, '../../docs/open-tables.md');

let world: OpenTablesWorld;
let seen: SeenVersion[];
/** All versions that there were before the sweep, from the first one on, and what each reader answered then. */
let seenBeforeSweep: SeenVersion[];
const answersBeforeSweep = new Map<Reader, string[][]>();
const answers = new Map<Reader, Promise<string[][]>>();

before(async () => {
    if (READERS.every((reader) => READER_SKIPS[reader])) return;
    world = await openOpenTablesWorld();
    await liveThroughMay(world, readAllVersions);
    if (!LCL_SKIP) await deliverRealHomes();
    seen = distinctVersions().filter((s) => versionsIn(world.folderOf(s.table)).includes(s.version));
});

function distinctVersions(): SeenVersion[] {
    return [...new Map(world.seen.map((s) => [`${s.table} ${s.version}`, s])).values()];
}

async function readAllVersions(): Promise<void> {
    seenBeforeSweep = distinctVersions();
    for (const reader of READERS)
        if (!READER_SKIPS[reader])
            answersBeforeSweep.set(reader, await readWith(reader, requestsOf(seenBeforeSweep)));
}

after(() => world?.end());

/** Five weeks of three homes of Low Carbon London, with the spring clock change in them. */
async function deliverRealHomes(): Promise<void> {
    world.clock.at += 3_600_000;
    await world.ingest('lcl', lclTexts(lclHomes().slice(0, 3), '2013-03-10', '2013-04-14'));
    await refreshAll(world.workspace);
    await world.look();
}

/** What a reader answers: for each version that was seen its rows, and last the documented join with meters. Asked once, as each start takes long. */
function answersOf(reader: Reader): Promise<string[][]> {
    const known = answers.get(reader);
    if (known !== undefined) return known;
    const asked = readWith(reader, [...requestsOf(seen), documentedJoin(reader)]);
    answers.set(reader, asked);
    return asked;
}

function requestsOf(versions: readonly SeenVersion[]): object[] {
    return versions.map(({ table, version }) => ({
        path: world.folderOf(table),
        version,
        columns: columnsOf(table),
    }));
}

function documentedJoin(reader: Reader): object {
    const join = /```sql\n(select c\.meter_id[^`]+)```/.exec(readFileSync(DOCUMENT, 'utf8'))?.[1] ?? '';
    assert.match(join, /inner join channels/);
    const sql = `select ${joinedLine('market_day', reader === 'spark' ? 'string' : 'varchar')} from (${join})`;
    const tables = Object.fromEntries(OPEN_TABLE_NAMES.map((t: OpenTableName) => [t, world.folderOf(t)]));
    return { sql, tables };
}

function joinedLine(day: string, type: string): string {
    return `meter_id || ' ' || cast(${day} as ${type}) || ' ' || coalesce(cast(kwh as ${type}), '-') as line`;
}

async function readWith(reader: Reader, requests: readonly object[]): Promise<string[][]> {
    const file = path.join(world.folder, `${reader}.json`);
    writeFileSync(file, JSON.stringify(requests));
    const env = {
        ...process.env,
        PYTHONPATH: reader === 'spark' ? READER_SPARK : READER_PYTHON,
        GRIDTALLY_DELTA_JARS: DELTA_JAR_FILES.join(','),
        SPARK_LOCAL_IP: '127.0.0.1',
    };
    const { stdout } = await promisify(execFile)('python3', [SCRIPT, reader, file], {
        env,
        cwd: world.folder,
        maxBuffer: 1 << 28,
    });
    return stdout
        .split('\n')
        .filter((line) => line.startsWith('['))
        .map((line) => JSON.parse(line) as string[]);
}

for (const reader of READERS) {
    test(`${reader} reads at every version what gridtally sql showed then, from the first one on`, {
        skip: READER_SKIPS[reader],
    }, () => {
        const found = answersBeforeSweep.get(reader);
        assert.equal(found?.length, seenBeforeSweep.length);
        for (const table of OPEN_TABLE_NAMES) {
            const versions = seenBeforeSweep.filter((s) => s.table === table).map((s) => s.version);
            const newest = Math.max(...versions);
            assert.deepEqual(
                versions,
                Array.from({ length: newest + 1 }, (_, version) => version),
                table,
            );
        }
        for (const [i, { table, version, rows }] of seenBeforeSweep.entries())
            assert.deepEqual(found?.[i]?.toSorted(), rows, `${table} at version ${version}`);
    });

    test(`${reader} reads what a sweep keeps as it was before`, {
        skip: READER_SKIPS[reader],
    }, async () => {
        const found = await answersOf(reader);
        assert.equal(found.length, seen.length + 1);
        assert.ok(seen.length >= 15);
        // code points, as the database and Python sort
        for (const [i, { table, version, rows }] of seen.entries())
            assert.deepEqual(found[i]?.toSorted(), rows, `${table} at version ${version}`);
    });

    test(`${reader} answers the documented join with meters as gridtally sql does`, {
        skip: READER_SKIPS[reader],
    }, async () => {
        const found = (await answersOf(reader)).at(-1);
        const rows = await world.query(`select ${joinedLine('day', 'varchar')} from reads_daily`);
        assert.ok(rows.length > 10);
        assert.deepEqual(found, rows.map((row) => String(row.line)).sort());
    });
}
