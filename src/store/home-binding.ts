import { GridtallyError } from '../kernel/errors.ts';
import type { Database } from './database.ts';
import type { Home } from './home.ts';

/** Settings that what is stored depends on; they stay as they were when the home's database was first used. */
type FixedSettings = Pick<Home, 'id' | 'marketZone' | 'currency' | 'bucketSize'>;

/**
 * Ties a schema to the home that uses it first, with the settings that cannot change afterwards; later it checks both. They are kept as the
 * comment of the schema. Throws `database.other-home` where the schema belongs to another home, `home.setting-fixed` where a setting differs.
 */
export async function bindHome(db: Database, home: FixedSettings): Promise<void> {
    const found = await boundSettings(db);
    if (found !== undefined) return checkSettings(found, home, db.schema);
    await db.withLock('bind home', 'exclusive', async () => {
        const meanwhile = await boundSettings(db);
        if (meanwhile !== undefined) return checkSettings(meanwhile, home, db.schema);
        const { id, marketZone, currency, bucketSize } = home;
        const text = JSON.stringify({ id, marketZone, currency, bucketSize });
        await db.query(`comment on schema ${db.schema} is '${text.replaceAll("'", "''")}'`);
    });
}

/** Before anything is written to the schema. Throws as `bindHome`; a schema that no home has used passes. */
export async function refuseOtherHome(db: Database, home: FixedSettings): Promise<void> {
    const found = await boundSettings(db);
    if (found !== undefined) checkSettings(found, home, db.schema);
}

/** Drops the schema with all that the home has there. Throws `database.other-home` where it is another home's. */
export async function dropSchemaOf(db: Database, home: FixedSettings): Promise<void> {
    await refuseOtherHome(db, home);
    await db.query(`drop schema if exists ${db.schema} cascade`);
}

async function boundSettings(db: Database): Promise<FixedSettings | undefined> {
    const rows = await db.query<{ text: string | null }>(
        `select obj_description(oid, 'pg_namespace') as text from pg_namespace where nspname = $1`,
        [db.schema],
    );
    const text = rows[0]?.text ?? '';
    return text.startsWith('{') ? (JSON.parse(text) as FixedSettings) : undefined;
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
