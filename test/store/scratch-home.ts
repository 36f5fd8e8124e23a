import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { removeDatabase } from '../../src/store/embedded-postgres.ts';

/** A folder for a home, reachable for every account, with a blank in its name. */
export function makeScratchFolder(): string {
    return mkdtempSync(path.join(os.tmpdir(), 'gridtally home '));
}

/** Stops what still runs there and removes the folder. */
export async function removeScratchFolder(folder: string): Promise<void> {
    await removeDatabase(folder);
    rmSync(folder, { recursive: true, force: true });
}

/** An embedded database in a folder of its own. */
export async function openScratchDatabase(
    schema = 'gridtally',
): Promise<{ db: Database; home: string; remove(): Promise<void> }> {
    const home = makeScratchFolder();
    const db = await openDatabase({ home, schema });
    const remove = async () => {
        await db.close();
        await removeScratchFolder(home);
    };
    return { db, home, remove };
}
