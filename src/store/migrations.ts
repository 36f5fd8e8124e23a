import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { assert, GridtallyError } from '../kernel/errors.ts';
import type { Database, Transaction } from './database.ts';

export const MIGRATIONS = fileURLToPath(new URL('../../migrations/', import.meta.url));

interface Migration {
    readonly version: number;
    readonly name: string;
    readonly sql: string;
    readonly sha256: string;
}

interface Applied {
    readonly version: number;
    readonly name: string;
    readonly sha256: string;
}

/**
 * Brings a home's schema up to this program: applies the numbered files that it lacks, in one transaction
 * each, under a lock. Gives the names of those applied. Throws `database.newer` when the home knows more
 * migrations than this program, `database.upgrade-refused` when a migration finds what it cannot bring along (the home then
 * stays at the version before), and an assertion when an applied file has changed since.
 */
export async function migrate(db: Database, folder: string = MIGRATIONS): Promise<string[]> {
    const migrations = readMigrations(folder);
    if ((await pending(db, migrations)).length === 0) return [];
    return db.withLock('migrate', 'exclusive', async () => {
        await db.query(CREATE_BOOKKEEPING);
        const missing = await pending(db, migrations);
        for (const migration of missing) {
            await db
                .transaction((tx) => apply(tx, migration))
                .catch((error) => {
                    throw upgradeRefusal(migration, error) ?? error;
                });
        }
        return missing.map((migration) => migration.name);
    });
}

export interface SchemaVersion {
    readonly version: number;
    readonly name: string;
}

/** The newest migration that this program knows. */
export function newestMigration(folder: string = MIGRATIONS): SchemaVersion {
    const newest = readMigrations(folder).at(-1);
    assert(newest, 'there are migrations');
    return newest;
}

/** Makes an empty schema what it was at a version, in the transaction of the caller. Throws `database.newer` for one that this program does not know. */
export async function makeSchemaAt(
    tx: Transaction,
    { version, name }: SchemaVersion,
    folder: string = MIGRATIONS,
): Promise<void> {
    const migrations = readMigrations(folder);
    if (version > migrations.length)
        throw new GridtallyError('database.newer', `migration ${name} is not known to this gridtally`);
    await tx.query(CREATE_BOOKKEEPING);
    for (const migration of migrations.slice(0, version)) await apply(tx, migration);
}

const CREATE_BOOKKEEPING = `create table if not exists schema_migrations (
    version integer primary key, name text not null, sha256 text not null, applied_at timestamptz not null default now())`;

// extensions are of the whole database: homes that are made at once on one server would each make them, and all but one fail
const DATABASE_LOCK = 7_203_514_982;

async function apply(tx: Transaction, migration: Migration): Promise<void> {
    await tx.query('select pg_advisory_xact_lock($1)', [DATABASE_LOCK]);
    await tx.query(migration.sql);
    await tx.query('insert into schema_migrations (version, name, sha256) values ($1, $2, $3)', [
        migration.version,
        migration.name,
        migration.sha256,
    ]);
}

// what a migration raises about content that it cannot bring along: message, a sentence a line as detail, and what to do as hint
const REFUSED_BY_MIGRATION = 'GT001';

function upgradeRefusal(migration: Migration, error: unknown): GridtallyError | undefined {
    const { code, message, detail, hint } = error as Record<string, string | undefined>;
    if (code !== REFUSED_BY_MIGRATION) return undefined;
    return new GridtallyError('database.upgrade-refused', `${migration.name} cannot be applied: ${message}`, {
        faults: (detail ?? '').split('\n').map((sentence) => ({ message: sentence })),
        ...(hint === undefined ? {} : { remedy: hint }),
        cause: error,
    });
}

async function pending(db: Database, migrations: readonly Migration[]): Promise<Migration[]> {
    const exists = await db.query<{ found: boolean }>(
        `select to_regclass('schema_migrations') is not null as found`,
    );
    if (exists[0]?.found !== true) return [...migrations];
    const applied = await db.query<Applied>(
        'select version, name, sha256 from schema_migrations order by version',
    );
    const newest = migrations.at(-1)?.version ?? 0;
    const beyond = applied.find((row) => row.version > newest);
    if (beyond)
        throw new GridtallyError(
            'database.newer',
            `the home has migration ${beyond.name}, which this gridtally does not know`,
        );
    for (const row of applied) {
        const own = migrations.find((m) => m.version === row.version);
        assert(own?.sha256 === row.sha256, `migration ${row.name} is unchanged since it was applied`);
    }
    const known = new Set(applied.map((row) => row.version));
    const missing = migrations.filter((m) => !known.has(m.version));
    const oldest = missing[0]?.version ?? Number.POSITIVE_INFINITY;
    assert(
        applied.every((row) => row.version < oldest),
        'migrations are applied in the order of their numbers',
    );
    return missing;
}

function readMigrations(folder: string): Migration[] {
    const migrations = readdirSync(folder)
        .filter((name) => /^\d{4}_[a-z0-9_]+\.sql$/.test(name))
        .sort()
        .map((name) => {
            const sql = readFileSync(path.join(folder, name), 'utf8');
            return {
                version: Number(name.slice(0, 4)),
                name,
                sql,
                sha256: createHash('sha256').update(sql).digest('hex'),
            };
        });
    migrations.forEach((m, i) => {
        assert(m.version === i + 1, `migrations are numbered without gaps: ${m.name} is number ${i + 1}`);
    });
    return migrations;
}
