/** Writes into a folder until there is no room, and says on stdout how each write ended. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { syncWrittenFiles, writeFileDurably } from '../../src/kernel/durable.ts';

const folder = process.argv[2] ?? '';

async function attempt(write: () => Promise<void>): Promise<string> {
    return write().then(
        () => 'done',
        (error) => error.code,
    );
}

const ends = [await attempt(() => writeFileDurably(path.join(folder, 'first'), '0123456789'))];
writeFileSync(path.join(folder, 'copied'), '01');
ends.push(await attempt(() => syncWrittenFiles([path.join(folder, 'copied')])));
ends.push(await attempt(() => writeFileDurably(path.join(folder, 'second'), '0123456789')));
ends.push(await attempt(() => writeFileDurably(path.join(folder, 'first'), 'x')));
process.stdout.write(ends.join(' '));
