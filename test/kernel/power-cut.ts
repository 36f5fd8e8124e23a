/** Writes into a folder, some of it synced and some not, and passes `receive` twice: once before and once after what is not. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import {
    announceWrittenFiles,
    DurableFile,
    makeFolderDurably,
    syncWrittenFiles,
    writeFileDurably,
} from '../../src/kernel/durable.ts';
import { crashPoint } from '../../src/kernel/faults.ts';

const folder = process.argv[2] ?? '';
const inFolder = (name: string) => path.join(folder, name);

await makeFolderDurably(folder);
await writeFileDurably(inFolder('published'), 'kept');
const synced = await DurableFile.create(folder, { label: 'synced' });
await synced.append(Buffer.from('1234kept'));
await synced.sync();
writeFileSync(inFolder('copied.parquet'), 'kept');
await syncWrittenFiles([inFolder('copied.parquet')]);
crashPoint('receive');
crashPoint('append');

await synced.append(Buffer.from('lost'));
await synced.writeAt(0, Buffer.from('0000'));
const never = await DurableFile.create(folder, { label: 'never' });
await never.append(Buffer.from('lost'));
announceWrittenFiles([inFolder('unsynced.parquet')]);
writeFileSync(inFolder('unsynced.parquet'), 'lost');
crashPoint('receive');
