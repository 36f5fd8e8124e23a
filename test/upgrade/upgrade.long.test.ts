// test limit: 240 s
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { loadBill } from '../../src/billing/bill-queries.ts';
import { openWorkspace, type Workspace } from '../../src/cli/workspace.ts';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { rebuildFromRaw } from '../../src/pipeline/rebuild-from-raw.ts';
import { readStatus } from '../../src/pipeline/status.ts';
import { verifyHome } from '../../src/pipeline/verify-home.ts';
import { openDatabase } from '../../src/store/database.ts';
import { readHome } from '../../src/store/home.ts';
import { MIGRATIONS, migrate } from '../../src/store/migrations.ts';
import { dumpSchema } from '../../src/store/schema-dump.ts';
import { makeScratchFolder, openScratchDatabase, removeScratchFolder } from '../store/scratch-home.ts';
import {
    comparable,
    copyKeptFiles,
    dumpTables,
    homeContent,
    KEPT_HOMES,
    type KeptName,
    keptContent,
    keptLines,
    restoreTables,
    schemaVersionOf,
} from './kept-home.ts';

const KEPT = readdirSync(KEPT_HOMES) as KeptName[];
const NEWEST = readdirSync(MIGRATIONS).filter((name) => /^\d{4}_/.test(name)).length;
/** The first that was kept with estimates, reads of registers, edits and replays. */
const FIRST_ESTIMATED = 8;
const folders: string[] = [];
after(async () => {
    for (const folder of folders) await removeScratchFolder(folder);
});

/** A kept home on disk and in a database, as the program of that time left it. */
async function restoreHome(name: KeptName): Promise<string> {
    const folder = makeScratchFolder();
    folders.push(folder);
    const homeFolder = path.join(folder, 'home');
    copyKeptFiles(name, homeFolder);
    const home = readHome(homeFolder);
    const db = await openDatabase({ ...home.database, home: home.folder });
    try {
        await restoreTables(db, name, path.join(folder, 'migrations'));
        assert.equal(await dumpTables(db), readFileSync(path.join(homeFolder, 'database.ndjson'), 'utf8'));
    } finally {
        await db.close();
    }
    return homeFolder;
}

async function withHome(folder: string, work: (workspace: Workspace) => Promise<void>): Promise<void> {
    const workspace = await openWorkspace(folder);
    try {
        await work(workspace);
    } finally {
        await workspace.close();
    }
}

function assertShows(shown: readonly string[], name: KeptName): void {
    const [kept, now] = comparable(keptContent(name), shown);
    assert.deepEqual(now, kept);
}

/** What bills of before were made from is as it was, though it lies elsewhere now. */
async function assertMadeFrom({ db }: Workspace, name: KeptName): Promise<void> {
    for (const line of keptLines(name)) {
        if (!('table' in line) || line.table !== 'bills') continue;
        const row = JSON.parse(line.row);
        if (row.made_from === undefined) continue;
        const { madeFrom } = await loadBill(db, row.bill_id);
        assert.ok(Number(madeFrom['lakeCommitNo']) > 0);
        assert.deepEqual(madeFrom, row.made_from);
    }
}

describe('a kept home', () => {
    it('is kept for every version of the schema but the present one, and one with estimates for that too', () => {
        const names = Array.from({ length: NEWEST }, (_, i) => i + 1).flatMap((version) => [
            ...(version < NEWEST ? [`version-${version}`] : []),
            ...(version >= FIRST_ESTIMATED ? [`version-${version}-estimated`] : []),
        ]);
        assert.deepEqual(KEPT.toSorted(), names.toSorted());
    });

    for (const name of KEPT) {
        const isUpgraded = schemaVersionOf(name) < NEWEST;
        it(`${name} ${isUpgraded ? 'upgrades itself when it is opened, and ' : ''}shows what it showed`, async () => {
            const folder = await restoreHome(name);
            await withHome(folder, async (workspace) => {
                if (isUpgraded) assert.match(workspace.notices.join(), /database schema brought up to/);
                const kept = readFileSync(path.join(MIGRATIONS, 'schema.sql'), 'utf8');
                assert.equal(await dumpSchema(workspace.db), kept);
                assertShows(await homeContent(workspace, name), name);
                await assertMadeFrom(workspace, name);
            });
            await withHome(folder, async (workspace) => {
                assert.deepEqual(workspace.notices, []);
                await refreshAll(workspace);
                assertShows(await homeContent(workspace, name), name);
                assert.equal((await readStatus(workspace.lake)).outsideValidity, 0);
                assert.deepEqual((await verifyHome(workspace)).faults, []);
            });
        });
    }

    it('kept with estimates comes to the same by a rebuild from raw', async () => {
        const name: KeptName = `version-${FIRST_ESTIMATED}-estimated`;
        await withHome(await restoreHome(name), async (workspace) => {
            const { contentBefore, contentRebuilt } = await rebuildFromRaw(workspace, workspace.openSchema);
            assert.equal(contentRebuilt, contentBefore);
            assertShows(await homeContent(workspace, name), name);
        });
    });

    it('was made by migrations that are in the tree as they were', async () => {
        const { db, remove } = await openScratchDatabase();
        try {
            await migrate(db);
            const applied = await db.query('select version, name, sha256 from schema_migrations');
            const kept = KEPT.flatMap((name) =>
                keptLines(name).flatMap((line) => ('migration' in line ? [line.migration] : [])),
            );
            assert.ok(kept.length > 0);
            for (const migration of kept) {
                assert.ok(
                    applied.some((one) => isDeepStrictEqual(one, migration)),
                    migration.name,
                );
            }
        } finally {
            await remove();
        }
    });

    it('of version 1 with a meter at two metering points at once says so and stays as it was', async () => {
        const folder = await restoreHome('version-1');
        const home = readHome(folder);
        const db = await openDatabase({ ...home.database, home: home.folder });
        try {
            await db.query(`update channels set meter_id = 'M3' where meter_id = 'M2'`);
            const before = await dumpTables(db);
            await assert.rejects(openWorkspace(folder), {
                code: 'database.upgrade-refused',
                message:
                    '0002_spine_completed.sql cannot be applied: meters are installed at two metering points at once',
                faults: [
                    {
                        message:
                            'meter M3 register 1 is at metering point P1 and at metering point P2 from 2013-05-01T11:00:00Z to open',
                    },
                ],
                remedy: /Load metering points with the gridtally that this home was last used with/,
            });
            assert.equal(await dumpTables(db), before);
            await db.query(`update channel_validities set valid_during = tstzrange(lower(valid_during), '2013-05-01T11:00:00Z')
                where metering_point_no = 2`);
        } finally {
            await db.close();
        }
        await withHome(folder, async (workspace) => {
            assert.match(workspace.notices.join(), /brought up to/);
        });
    });
});
