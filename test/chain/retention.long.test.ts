import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { openWorkspace } from '../../src/cli/workspace.ts';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { sweepHome } from '../../src/pipeline/sweep-home.ts';
import { HOME_FILE } from '../../src/store/home.ts';
import { type ChainWorld, handClock, openChainWorld, publishedContent, readingsCsv } from './chain-world.ts';

const DAY = 86_400_000;
const clock = handClock('2013-06-01T00:00:00Z');
let world: ChainWorld;

before(async () => {
    world = await openChainWorld({ marketZone: 'UTC', clock });
});

after(() => world.end());

/** Replaces what is published of a day. */
async function deliver(day: string, version: number): Promise<void> {
    const rows = Array.from({ length: 24 }, (_, i) => ({
        meter: 'A',
        at: Date.parse(`${day}T00:00:00Z`) + i * 3_600_000,
        minutes: 60,
        kwh: `${version}.5`,
        version,
    }));
    await world.ingest('generic-csv', { [`${day}-${version}.csv`]: readingsCsv(rows) });
    await refreshAll(world.workspace);
}

async function replacedFiles(): Promise<string[]> {
    const rows = await world.workspace.db.query<{ path: string }>(
        `select f.path from lake_files f join partition_files p using (file_id)
          where p.table_name = 'reads_interval' and p.removed_in is not null order by 1`,
    );
    return rows.map((row) => row.path);
}

/** A sweep by the settings of the home, as they are now. */
async function sweepBySettings() {
    const workspace = await openWorkspace(world.homeFolder, clock);
    try {
        return await sweepHome(workspace, {});
    } finally {
        await workspace.close();
    }
}

test('a sweep keeps replaced files for as long as the home says, and lists what it removes', async () => {
    const settings = path.join(world.homeFolder, HOME_FILE);
    writeFileSync(settings, readFileSync(settings, 'utf8').replace('replacedDays: 7', 'replacedDays: 3'));
    await deliver('2013-05-01', 1);
    await deliver('2013-05-01', 2);
    const replaced = await replacedFiles();
    assert.equal(replaced.length, 1);
    // the log says now that they were replaced
    clock.at += 3 * DAY - 1;
    assert.deepEqual((await sweepBySettings()).removed, []);
    clock.at += 2;
    const { removed } = await sweepBySettings();
    assert.deepEqual(
        removed
            .filter(({ path: file }) => file.startsWith('reads_interval/'))
            .map((file) => [file.path, file.why]),
        replaced.map((file) => [file, 'replaced']),
    );
    assert.deepEqual(await replacedFiles(), []);
});

test('what was replaced since a bill was sealed stays for good; what was replaced for others, and before, goes', async () => {
    await deliver('2013-04-30', 1);
    await deliver('2013-05-02', 1);
    await deliver('2013-05-02', 2);
    const [before = ''] = await replacedFiles();
    const { db, lake } = world.workspace;
    const known = await publishedContent(world, clock.at);
    await db.query(`insert into accounts (account_id) values ('A1')`);
    await db.query(
        `insert into bill_inputs (inputs_sha256, inputs, kept_at)
         select 'I1', json_build_object('lakeCommitNo', (select max(commit_no) from commits)), now()`,
    );
    await db.query(
        `insert into bills (bill_id, account_no, period_from, period_to, state, currency, is_complete, energy_kwh, amount_due,
             content_sha256, document, inputs_sha256, tariff_version_nos, drafted_at, line_references)
         select 'B1', account_no, '2013-05-01', '2013-06-01', 'sealed', 'GBP', true, 0, 0, '', '{"amountDue":"0.00","sections":[]}',
                'I1', '{}', now(), '[]' from accounts`,
    );
    const sealedAt = clock.at;
    await deliver('2013-05-02', 3);
    await deliver('2013-04-30', 2);
    const replaced = await replacedFiles();
    clock.at += 100 * DAY;
    const { removed } = await sweepBySettings();
    const kept = await replacedFiles();
    assert.equal(kept.length, 1);
    assert.equal(replaced.length, 3);
    const gone = removed.map(({ path: file }) => file);
    assert.ok(gone.includes(before) && !gone.includes(kept[0] ?? ''));
    assert.ok(existsSync(path.join(lake.folder, kept[0] ?? '')));
    assert.deepEqual(await publishedContent(world, sealedAt), known);
});
