// test limit: 300 s
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { parseReceived, refreshAll } from '../../src/pipeline/chain.ts';
import { verifyHome } from '../../src/pipeline/verify-home.ts';
import {
    type ChainWorld,
    openChainWorld,
    publishedContent,
    readingsCsv,
    sourceKeys,
} from '../chain/chain-world.ts';
import { runCommand } from '../cli/run-command.ts';
import { done, endHome, inHome, ownDatabase } from './backup-world.ts';

const HOUR = 3_600_000;
const FROM = Date.parse('2013-05-01T00:00:00Z');
const FILES = 5;
let world: ChainWorld;

before(async () => {
    world = await openChainWorld({ marketZone: 'Europe/London' });
});

after(() => world.end());

/** A file whose rows replace some of the file before and add others, so that the order of receipt decides. */
function fileText(n: number): string {
    return readingsCsv(
        Array.from({ length: 36 }, (_, i) => ({
            meter: `M${i % 4}`,
            at: FROM + (n * 6 + Math.floor(i / 4)) * HOUR,
            minutes: 60,
            kwh: `${n}.${i}`,
        })),
    );
}

function given(n: number): string {
    const file = path.join(world.folder, 'deliveries', `${n}.csv`);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, fileText(n));
    return file;
}

test('snapshots taken while others ingest, refresh, bill and sweep are each what a quiet home of the same receipts holds', async () => {
    const backups = path.join(world.folder, 'backups');
    const home = world.homeFolder;
    let isOver = false;
    const work = async () => {
        for (let n = 0; n < FILES; n += 1)
            await done(home, 'ingest', given(n), '--feed', 'generic-csv', ...(n % 2 ? ['--refresh'] : []));
        isOver = true;
    };
    const sweepAndBill = async () => {
        const steps = [['sweep', '--keep-days', '0'], ['bill', '--period', '2013-05'], ['compact']];
        for (let turn = 0; !isOver; turn += 1) await done(home, ...(steps[turn % steps.length] ?? []));
    };
    const ids: string[] = [];
    const backUp = async () => {
        do ids.push((await done<{ id: string }>(home, 'backup', backups)).id);
        while (!isOver);
    };
    await Promise.all([work(), sweepAndBill(), backUp()]);
    assert.ok(ids.length > 2, `${ids.length} snapshots`);
    const seen = new Set<number>();
    for (const id of [ids[1], ids.at(-1)])
        if (id !== undefined) seen.add(await compareWithQuiet(backups, id));
    assert.ok(seen.size > 1, `the snapshots are of different moments: ${[...seen]}`);
});

/** Restores a snapshot and compares it with a new home that got the same files in the same order; gives how many. */
async function compareWithQuiet(backups: string, id: string): Promise<number> {
    const home = path.join(world.folder, `from ${id}`);
    await done(undefined, 'restore', backups, '--home', home, '--snapshot', id, ...ownDatabase());
    const quiet = await openChainWorld({ marketZone: 'Europe/London' });
    try {
        return await inHome(home, world, async (restored) => {
            assert.deepEqual((await verifyHome(restored.workspace)).faults, []);
            const keys = await sourceKeys(restored.workspace);
            const inOrder = [...keys].sort(([a], [b]) => a - b).map(([, key]) => key);
            for (const key of inOrder)
                await quiet.ingest('generic-csv', { [key]: fileText(Number.parseInt(key, 10)) });
            await refreshAll(quiet.workspace);
            // the moment may lie between the receipt of a file and its parsing
            await parseReceived(restored.workspace);
            await refreshAll(restored.workspace);
            assert.deepEqual(await publishedContent(restored), await publishedContent(quiet));
            return inOrder.length;
        });
    } finally {
        await quiet.end();
        await endHome(home);
    }
}

test('a backup of a home that does nothing meanwhile is taken by two processes one after the other', async () => {
    const backups = path.join(world.folder, 'two at once');
    const both = await Promise.all([1, 2].map(() => runCommand(world.homeFolder, 'backup', backups)));
    const [good, refused] = [both.filter((end) => end.code === 0), both.filter((end) => end.code === 1)];
    assert.ok(good.length >= 1);
    for (const { said } of refused) assert.match(said, /error backup\.folder-in-use/);
});
