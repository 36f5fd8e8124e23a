import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { openWorkspace, type Workspace } from '../../src/cli/workspace.ts';
import { withPublishedViews } from '../../src/pipeline/published-views.ts';
import type { Database } from '../../src/store/database.ts';
import { contentTables } from '../../src/store/database-content.ts';
import { removeDatabase } from '../../src/store/embedded-postgres.ts';
import type { ChainWorld } from '../chain/chain-world.ts';
import { type CommandEnd, runCommand } from '../cli/run-command.ts';
import { databaseOfTest } from '../shared-database.ts';

/** Runs a command that must go well, and gives its document. */
export async function done<T = Record<string, unknown>>(
    home: string | undefined,
    ...args: string[]
): Promise<T> {
    const end = await runCommand(home, ...args, '--json');
    assert.equal(end.code, 0, end.said + end.out);
    return JSON.parse(end.out) as T;
}

/** Arguments that give a restored home a database of its own: that of the home it comes from is in use. */
export function ownDatabase(): string[] {
    const { databaseUrl, databaseSchema } = databaseOfTest();
    if (databaseUrl === undefined || databaseSchema === undefined) return ['--embedded'];
    return ['--database-url', databaseUrl, '--database-schema', databaseSchema];
}

export function restore(backups: string, home: string, ...args: string[]): Promise<CommandEnd> {
    return runCommand(undefined, 'restore', backups, '--home', home, ...args, '--json');
}

/** Works in a home as in the world of a test, and closes it. */
export async function inHome<T>(
    homeFolder: string,
    world: ChainWorld,
    work: (restored: ChainWorld) => Promise<T>,
): Promise<T> {
    const workspace = await openWorkspace(homeFolder);
    const views = (asOf?: number) => ({ showsIdentity: true, ...(asOf === undefined ? {} : { asOf }) });
    try {
        return await work({
            ...world,
            homeFolder,
            workspace,
            withViews: (inSession, asOf) => withPublishedViews(workspace, views(asOf), inSession),
            query: (query, asOf) =>
                withPublishedViews(workspace, { ...views(asOf), query }, (session) => session.rows(query)),
        });
    } finally {
        await workspace.close();
    }
}

/** Ends what a restored home runs: its folder is the test's to remove. */
export async function endHome(homeFolder: string): Promise<void> {
    await removeDatabase(homeFolder);
}

/** Every row of every table as text, sorted; without when an open table was published, which is of the place. */
export async function databaseRows(db: Database): Promise<Map<string, string[]>> {
    return db.transaction(async (tx) => {
        const rows = new Map<string, string[]>();
        for (const { name } of await contentTables(tx)) {
            const found = await tx.query<{ line: string }>(
                `select (to_jsonb(t) - 'published_at')::text as line from ${name} t order by 1`,
            );
            rows.set(
                name,
                found.map(({ line }) => line),
            );
        }
        return rows;
    });
}

/** Bytes of every file of a folder, by its path in it. */
export function filesOf(folder: string): Map<string, number> {
    return new Map(
        readdirSync(folder, { recursive: true, withFileTypes: true })
            .map((entry) => path.join(entry.parentPath, entry.name))
            .filter((file) => statSync(file).isFile())
            .map((file) => [path.relative(folder, file), statSync(file).size] as const)
            .sort(([a], [b]) => (a < b ? -1 : 1)),
    );
}

export type { Workspace };
