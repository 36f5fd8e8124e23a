import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { removeDatabase, type ServerAddress } from '../../src/store/embedded-postgres.ts';

/**
 * A folder for a home, with a blank in its name. Every account may pass through it, as `mkdtemp` alone does not allow: otherwise the database
 * of a test that root runs would go to another place, and stay there when only the folder is removed.
 */
export function makeScratchFolder(): string {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'gridtally home '));
    chmodSync(folder, 0o755);
    return folder;
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

/** As `database.url` has it. */
export function urlOf({ user, password, host, port, database }: ServerAddress): string {
    return `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${database}`;
}
