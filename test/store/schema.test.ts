import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { it } from 'node:test';
import { openDatabase } from '../../src/store/database.ts';
import { MIGRATIONS, migrate } from '../../src/store/migrations.ts';
import { dumpSchema } from '../../src/store/schema-dump.ts';
import { openScratchDatabase } from './scratch-home.ts';

it('migrations/schema.sql is what the migrations make, for every home on a server', async () => {
    const { db, home, remove } = await openScratchDatabase();
    const second = await openDatabase({ home, schema: 'second_home' });
    try {
        const kept = readFileSync(path.join(MIGRATIONS, 'schema.sql'), 'utf8');
        for (const one of [db, second]) {
            await migrate(one);
            assert.equal(
                await dumpSchema(one),
                kept,
                'write it anew with: node run.cjs test/store/dump-schema.ts',
            );
        }
    } finally {
        await second.close();
        await remove();
    }
});
