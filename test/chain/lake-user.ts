/** A process that uses the lake: writes a file that nothing names yet, prints its path and goes on using it until it is killed. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { openWorkspace } from '../../src/cli/workspace.ts';
import { makeFolderDurably } from '../../src/kernel/durable.ts';
import { freshFolder } from '../../src/lake/lake.ts';
import { useLake } from '../../src/lake/lake-use.ts';

const [homeFolder = ''] = process.argv.slice(2);
const { lake } = await openWorkspace(homeFolder);
await useLake(lake, async (inUse) => {
    const folder = freshFolder(inUse, 'reads_daily');
    await makeFolderDurably(folder);
    const file = path.join(folder, 'rows.parquet');
    writeFileSync(file, 'not named yet');
    process.stdout.write(`${file}\n`);
    await new Promise((resolve) => setTimeout(resolve, 3_600_000));
});
