import { GridtallyError } from '../kernel/errors.ts';
import type { Database, Transaction } from './database.ts';
import type { Home } from './home.ts';

/** Settings that what is stored depends on; they stay as they were when the home's database was first used. */
type FixedSettings = Pick<Home, 'id' | 'marketZone' | 'currency' | 'bucketSize'>;

interface BoundSettings extends FixedSettings {
    readonly restoreId?: string;
}

/**
 * Ties a schema to the home that uses it first, with the settings that cannot change afterwards; later it checks both. They are kept as the
 * comment of the schema. Throws `database.other-home` where the schema belongs to another home, `home.setting-fixed` where a setting differs.
 */
export async function bindHome(db: Database, home: FixedSettings): Promise<void> {
    await db.withLock('bind home', 'exclusive', async () => {
        if (!(await isBoundTo(db, home))) await writeBinding(db, db.schema, home);
    });
}

/** Whether the schema is this home's already; to be asked before anything is written to it. Throws as `bindHome` where it is another's. */
export async function isBoundTo(db: Database, home: FixedSettings): Promise<boolean> {
    const found = await boundSettings(db);
    if (found !== undefined) checkSettings(found, home, db.schema);
    return found !== undefined;
}

/** Drops the schema with all that the home has there. Throws `database.other-home` where it is another home's. */
export async function dropSchemaOf(db: Database, home: FixedSettings): Promise<void> {
    await isBoundTo(db, home);
    await db.query(`drop schema if exists ${db.schema} cascade`);
}

/** As `bindHome` for a schema that a restore fills, within its transaction; `restoreId` tells it from every other restore. */
export async function bindRestoredHome(
    tx: Transaction,
    schema: string,
    home: FixedSettings,
    restoreId: string,
): Promise<void> {
    await writeBinding(tx, schema, home, { restoreId });
}

/** Which restore has filled the schema; undefined: none did. */
export async function restoreIdOf(db: Database): Promise<string | undefined> {
    return (await boundSettings(db))?.restoreId;
}

async function writeBinding(
    db: Pick<Transaction, 'query'>,
    schema: string,
    { id, marketZone, currency, bucketSize }: FixedSettings,
    more: object = {},
): Promise<void> {
    const text = JSON.stringify({ id, marketZone, currency, bucketSize, ...more });
    await db.query(`comment on schema ${schema} is '${text.replaceAll("'", "''")}'`);
}

async function boundSettings(db: Database): Promise<BoundSettings | undefined> {
    const rows = await db.query<{ text: string | null }>(
        `select obj_description(oid, 'pg_namespace') as text from pg_namespace where nspname = $1`,
        [db.schema],
    );
    const text = rows[0]?.text ?? '';
    return text.startsWith('{') ? (JSON.parse(text) as BoundSettings) : undefined;
}

function checkSettings(found: FixedSettings, home: FixedSettings, schema: string): void {
    if (found.id !== home.id) {
        throw new GridtallyError(
            'database.other-home',
            `the schema ${schema} belongs to another home (${found.id})`,
        );
    }
    const changed = (['marketZone', 'currency', 'bucketSize'] as const).filter(
        (name) => found[name] !== home[name],
    );
    if (changed.length === 0) return;
    const faults = changed.map((name) => ({
        field: name,
        message: `is ${home[name]}, and was ${found[name]} when the home was made`,
    }));
    throw new GridtallyError(
        'home.setting-fixed',
        `${changed.join(' and ')} cannot change in a home that exists`,
        { faults },
    );
}
