import { systemClock } from '../../src/kernel/clock.ts';
import { receive } from '../../src/raw/receive.ts';
import { openDatabase } from '../../src/store/database.ts';
import { feedNamed, payload } from './raw-store.ts';

/** Receives `count` payloads, prints `open`, waits for a line, then prints each receipt as it is acknowledged. */
const [home = '', schema = '', folder = '', from = '0', count = '0'] = process.argv.slice(2);
const db = await openDatabase({ home, schema });
const store = { db, folder, clock: systemClock };
const feed = await feedNamed(store);
const first = Number(from);
const payloads = Array.from({ length: Number(count) }, (_, i) => payload(`delivery-${first + i}`));
console.log('open');
await new Promise((resolve) => process.stdin.once('data', resolve));
process.stdin.destroy();
for (const one of payloads) {
    for await (const receipt of receive(store, feed, [one]))
        console.log(`${receipt.sourceKey} ${receipt.sequence} ${receipt.isRepeat}`);
}
await db.close();
