/**
 * A process that uses a home: `home-worker.ts HOME [insert]`. It prints `recovered …` and `open`, then with `insert` one line per row that was
 * acknowledged, and leaves in good order when its stdin ends.
 */
import { openDatabase } from '../../src/store/database.ts';

const [home = '', task] = process.argv.slice(2);
let isAsked = false;
process.stdin.on('end', () => {
    isAsked = true;
});
process.stdin.resume();

const db = await openDatabase({ home, schema: 'gridtally' });
for (const sentence of db.recovered) console.log(`recovered ${sentence}`);
await db.withLock('make table', 'exclusive', () =>
    db.query('create table if not exists acknowledged (row_id text primary key)'),
);
console.log('open');
for (let i = 0; task === 'insert' && !isAsked; i++) {
    const id = `${process.pid}-${i}`;
    await db
        .transaction((tx) => tx.query('insert into acknowledged values ($1) on conflict do nothing', [id]))
        .then(
            () => console.log(id),
            (error) => {
                if (error.code !== 'database.commit-unknown') throw error;
            },
        );
}
while (!isAsked) await new Promise((wake) => setTimeout(wake, 10));
await db.close();
