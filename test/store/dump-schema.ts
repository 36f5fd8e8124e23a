/** Writes migrations/schema.sql anew: `node run.cjs test/store/dump-schema.ts`. */
import path from 'node:path';
import { writeFileDurably } from '../../src/kernel/durable.ts';
import { MIGRATIONS, migrate } from '../../src/store/migrations.ts';
import { dumpSchema } from '../../src/store/schema-dump.ts';
import { openScratchDatabase } from './scratch-home.ts';

const { db, remove } = await openScratchDatabase();
try {
    await migrate(db);
    await writeFileDurably(path.join(MIGRATIONS, 'schema.sql'), await dumpSchema(db));
} finally {
    await remove();
}
