import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { openDatabase } from '../../src/store/database.ts';
import { bindHome } from '../../src/store/home-binding.ts';
import { migrate } from '../../src/store/migrations.ts';
import { dumpSchema } from '../../src/store/schema-dump.ts';
import { openScratchDatabase } from './scratch-home.ts';

const { db, home, remove } = await openScratchDatabase();
const folders: string[] = [];
after(async () => {
    for (const folder of folders) rmSync(folder, { recursive: true });
    await remove();
});

function migrationFolder(files: Record<string, string>): string {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'gridtally-migrations-'));
    folders.push(folder);
    for (const [name, sql] of Object.entries(files)) writeFileSync(path.join(folder, name), sql);
    return folder;
}

const FIRST = { '0001_first.sql': 'create table first (n int); insert into first values (1);' };
const SECOND = { '0002_second.sql': `alter table first add column told text not null default 'so';` };

describe('migrations', () => {
    it('are applied once, in order, by whichever process comes first', async () => {
        const folder = migrationFolder({ ...FIRST, 'schema.sql': 'not a migration' });
        const applied = await Promise.all(Array.from({ length: 4 }, () => migrate(db, folder)));
        assert.deepEqual(applied.flat(), ['0001_first.sql']);
        assert.deepEqual(await migrate(db, folder), []);
        assert.deepEqual(await db.query('select n from first'), [{ n: 1 }]);
    });

    it('of homes that are made at once on one server wait for each other, as extensions are of all', async () => {
        const server = await openScratchDatabase();
        const homes = await Promise.all(
            Array.from({ length: 4 }, (_, n) => openDatabase({ home: server.home, schema: `home_${n}` })),
        );
        try {
            const applied = await Promise.all(homes.map((one) => migrate(one)));
            assert.deepEqual(
                applied.map((names) => names[0]),
                homes.map(() => '0001_spine.sql'),
            );
        } finally {
            for (const one of homes) await one.close();
            await server.remove();
        }
    });

    it('bring an older home up to date, and are refused by an older program', async () => {
        const newer = migrationFolder({ ...FIRST, ...SECOND });
        assert.deepEqual(await migrate(db, newer), ['0002_second.sql']);
        assert.deepEqual(await db.query('select * from first'), [{ n: 1, told: 'so' }]);
        await assert.rejects(migrate(db, migrationFolder(FIRST)), {
            code: 'database.newer',
            message: /0002_second/,
        });
    });

    it('leave nothing of one that fails', async () => {
        const broken = { '0003_broken.sql': 'create table third (n int); select 1 / 0;' };
        await assert.rejects(
            migrate(db, migrationFolder({ ...FIRST, ...SECOND, ...broken })),
            /division by zero/,
        );
        assert.deepEqual(await db.query(`select to_regclass('third') as found`), [{ found: null }]);
    });

    it('may not change once applied, nor leave out a number', async () => {
        const changed = { '0001_first.sql': `${FIRST['0001_first.sql']} ` };
        await assert.rejects(
            migrate(db, migrationFolder({ ...changed, ...SECOND })),
            /0001_first.sql is unchanged/,
        );
        await assert.rejects(
            migrate(db, migrationFolder({ ...FIRST, '0003_third.sql': '' })),
            /without gaps/,
        );
    });
});

describe('the dump of a schema', () => {
    it('differs where the schema does, and not between two homes', async () => {
        const folder = migrationFolder({
            '0001_all.sql': `
                create type mood as enum ('good', 'bad');
                create table parent (id bigint generated always as identity primary key, feeling mood not null default 'good');
                create table child (parent_id bigint references parent on delete cascade, n int check (n > 0));
                create index child_by_n on child (n desc) where n > 5;
                create view happy as select id from parent where feeling = 'good';
                create function refuse() returns trigger language plpgsql as $$ begin raise 'no'; end $$;
                create trigger never before delete on parent for each row execute function refuse();`,
        });
        const opened = await Promise.all(
            ['dump_a', 'dump_b'].map((schema) => openDatabase({ home, schema })),
        );
        try {
            for (const one of opened) await migrate(one, folder);
            const [first = '', second = ''] = await Promise.all(opened.map(dumpSchema));
            assert.equal(first, second);
            for (const part of [
                /type mood/,
                /feeling mood not null default 'good'/,
                /child_by_n/,
                /view happy/,
                /n > 0/,
            ]) {
                assert.match(first, part);
            }
            assert.match(first, /TRIGGER never BEFORE DELETE ON parent/);
            assert.doesNotMatch(first, /dump_a|schema_migrations/);
            await opened[1]?.query('alter table child alter column n set not null');
            assert.notEqual(await dumpSchema(opened[1] ?? db), first);
        } finally {
            for (const one of opened) await one.close();
        }
    });
});

describe('a schema', () => {
    it('belongs to one home and keeps the settings that its content depends on', async () => {
        const settings = { id: 'one', marketZone: 'Europe/London', currency: 'GBP', bucketSize: 16_384 };
        await bindHome(db, settings);
        await bindHome(db, settings);
        await assert.rejects(bindHome(db, { ...settings, id: 'two' }), { code: 'database.other-home' });
        await assert.rejects(bindHome(db, { ...settings, bucketSize: 32, currency: 'EUR' }), {
            code: 'home.setting-fixed',
            message: /currency and bucketSize/,
        });
    });
});
