import { cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Workspace } from '../../src/cli/workspace.ts';
import { withPublishedViews } from '../../src/pipeline/published-views.ts';
import { readStatus } from '../../src/pipeline/status.ts';
import type { Database } from '../../src/store/database.ts';
import { MIGRATIONS, migrate } from '../../src/store/migrations.ts';

/** A folder for each home: its files, its tables (`database.ndjson`) and what it showed (`content.txt`). */
export const KEPT_HOMES = fileURLToPath(new URL('./homes/', import.meta.url));

/** `version-8`, or with what it has beside, `version-8-estimated`. */
export type KeptName = `version-${string}`;

/** Of the schema that the home was kept with. */
export function schemaVersionOf(name: KeptName): number {
    return Number(/^version-(\d+)/.exec(name)?.[1]);
}

/** A line of a dump. A row is Postgres' own text of it, because numbers lose their decimals when they are read and written. */
type DumpLine =
    | { readonly migration: { readonly version: number; readonly name: string; readonly sha256: string } }
    | { readonly comment: string }
    | { readonly table: string; readonly row: string }
    | { readonly sequence: string; readonly value: number };

/** Every row of every table as text, one a line, in an order in which they can be entered again. */
export async function dumpTables(db: Database): Promise<string> {
    const lines: string[] = [];
    const add = async (query: string) => {
        lines.push(...(await db.query<{ line: string }>(query)).map(({ line }) => line));
    };
    await add(
        `select json_build_object('migration', json_build_object('version', version, 'name', name, 'sha256', sha256))::text
             as line
         from schema_migrations order by version`,
    );
    await add(
        `select json_build_object('comment', obj_description(current_schema::regnamespace, 'pg_namespace'))::text as line`,
    );
    const tables = await db.query<{ name: string }>(
        `select relname as name from pg_class where relkind = 'r' and relnamespace = current_schema::regnamespace
             and relname <> 'schema_migrations' order by oid`,
    );
    for (const { name } of tables) {
        await add(
            `select '{"table":"${name}","row":' || to_jsonb(t)::text || '}' as line from ${name} t order by ctid`,
        );
    }
    await add(
        `select json_build_object('sequence', sequencename, 'value', last_value)::text as line from pg_sequences
         where schemaname = current_schema and last_value is not null order by sequencename`,
    );
    return `${lines.join('\n')}\n`;
}

/** Copies the files of a kept home to a folder that does not exist. */
export function copyKeptFiles(name: KeptName, folder: string): void {
    cpSync(path.join(KEPT_HOMES, name), folder, { recursive: true });
}

/** Puts the tables of a kept home into an empty schema, as the migrations up to its version made them. */
export async function restoreTables(db: Database, kept: KeptName, scratch: string): Promise<void> {
    mkdirSync(scratch, { recursive: true });
    const names = readdirSync(MIGRATIONS).filter(
        (name) => /^\d{4}_/.test(name) && Number(name.slice(0, 4)) <= schemaVersionOf(kept),
    );
    for (const name of names) cpSync(path.join(MIGRATIONS, name), path.join(scratch, name));
    await migrate(db, scratch);
    for (const line of keptLines(kept)) {
        if ('comment' in line)
            await db.query(`comment on schema ${db.schema} is '${line.comment.replaceAll("'", "''")}'`);
        else if ('sequence' in line)
            await db.query('select setval($1::regclass, $2)', [line.sequence, line.value]);
        else if ('table' in line) {
            await db.query(
                `insert into ${line.table} overriding system value
                 select * from jsonb_populate_record(null::${line.table}, $1)`,
                [line.row],
            );
        }
    }
}

export function keptLines(name: KeptName): DumpLine[] {
    const text = readFileSync(path.join(KEPT_HOMES, name, 'database.ndjson'), 'utf8');
    return text.trim().split('\n').map(keptLine);
}

function keptLine(text: string): DumpLine {
    const [, table, row] = /^\{"table":"(\w+)","row":(.*)\}$/.exec(text) ?? [];
    return table === undefined || row === undefined ? (JSON.parse(text) as DumpLine) : { table, row };
}

export function keptContent(name: KeptName): string[] {
    return readFileSync(path.join(KEPT_HOMES, name, 'content.txt'), 'utf8')
        .trim()
        .split('\n');
}

const VIEWS = [
    'reads_15min',
    'reads_hourly',
    'reads_daily',
    'reading_gaps',
    'reading_versions',
    'quarantined_rows',
    'waiting_rows',
    'customers',
    'tariffs',
    'agreements',
    'metering_point_attributes',
    'bills',
    'bill_lines',
];

/** Views that only homes `-estimated` were kept with. */
const ESTIMATED_VIEWS = ['reading_estimates', 'register_reads', 'register_advances', 'replayed_rows'];

function viewsOf(name: KeptName): string[] {
    return name.endsWith('-estimated') ? [...VIEWS, ...ESTIMATED_VIEWS] : VIEWS;
}

/** What people see of a home: rows of the views, the counts, and bills in full; as sorted lines. */
export async function homeContent(workspace: Workspace, name: KeptName): Promise<string[]> {
    const lines: string[] = [];
    await withPublishedViews(workspace, { showsIdentity: true }, async (session) => {
        for (const view of viewsOf(name)) {
            const rows = await session.rows(
                `select '${view} ' || to_json(t)::varchar as line from ${view} as t`,
            );
            lines.push(...rows.map(({ line }) => String(line)));
        }
    });
    const bills = await workspace.db.query<{ line: string }>(
        `select 'document ' || document::jsonb::text as line from bills`,
    );
    lines.push(...bills.map(({ line }) => line));
    const { lakeBytes: _, lakeFiles: __, ...counts } = await readStatus(workspace.lake);
    lines.push(...Object.entries(counts).map(([name, value]) => `status ${name} ${JSON.stringify(value)}`));
    return lines.sort();
}

/** Columns that a later version no longer shows, on purpose, by view. */
const NO_LONGER_SHOWN: Readonly<Record<string, readonly string[]>> = {
    reads_hourly: ['digest_1', 'digest_2'],
};

/**
 * Both contents with the columns that the older one shows, in one order, for comparison: a later version may show more of a
 * row, in another order of columns, and more counts, but what was shown must stand.
 */
export function comparable(kept: readonly string[], shown: readonly string[]): [string[], string[]] {
    const columnsOf = new Map(
        kept.flatMap((line) => {
            const { name, row } = viewRow(line);
            const gone = NO_LONGER_SHOWN[name] ?? [];
            return row === undefined
                ? []
                : [[name, Object.keys(row).filter((key) => !gone.includes(key))] as const];
        }),
    );
    const project = (line: string) => {
        const { name, row } = viewRow(line);
        const columns = columnsOf.get(name);
        if (row === undefined || columns === undefined) return line;
        return `${name} ${columns.map((column) => `${column}=${JSON.stringify(row[column])}`).join(' ')}`;
    };
    const statusNames = new Set(kept.map(statusName));
    return [
        kept.map(project).sort(),
        shown
            .filter((line) => statusNames.has(statusName(line)))
            .map(project)
            .sort(),
    ];
}

/** Name of a count of the status; undefined for any other line. */
function statusName(line: string): string | undefined {
    return /^status (\w+) /.exec(line)?.[1];
}

function viewRow(line: string): { name: string; row?: Readonly<Record<string, unknown>> } {
    const at = line.indexOf(' ');
    const name = line.slice(0, at);
    return [...VIEWS, ...ESTIMATED_VIEWS].includes(name)
        ? { name, row: JSON.parse(line.slice(at + 1)) }
        : { name };
}
