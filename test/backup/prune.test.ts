// test limit: 240 s
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { planPrune } from '../../src/backup/prune-plan.ts';
import { verifyBackups } from '../../src/backup/verify-backup.ts';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { HOME_FILE, readHome } from '../../src/store/home.ts';
import { type ChainWorld, openChainWorld, readingsCsv } from '../chain/chain-world.ts';
import { runCommand, runCommandWith } from '../cli/run-command.ts';
import { done, filesOf } from './backup-world.ts';

const snapshot = (at: string) => ({ id: at, takenAt: Date.parse(at) });

test('the newest stay, and the last ones of days, weeks from Monday, and months', () => {
    const snapshots = [
        '2024-01-15T12:00:00Z',
        '2024-02-25T12:00:00Z', // a Sunday
        '2024-02-26T00:00:00Z',
        '2024-02-28T06:00:00Z',
        '2024-02-28T18:00:00Z',
        '2024-03-03T23:59:59Z', // a Sunday
        '2024-03-04T00:00:00Z',
        '2024-03-04T01:00:00Z',
    ].map(snapshot);
    const kept = (policy: Parameters<typeof planPrune>[1]) =>
        Object.fromEntries(
            planPrune(snapshots, policy).kept.map(({ id, why }) => [id.slice(5, 13), why.join()]),
        );
    const none = { newest: 1, daily: 0, weekly: 0, monthly: 0 };
    assert.deepEqual(kept({ ...none, newest: 2 }), { '03-04T01': 'newest', '03-04T00': 'newest' });
    assert.deepEqual(kept({ ...none, daily: 3 }), {
        '03-04T01': 'newest,daily',
        '03-03T23': 'daily',
        '02-28T18': 'daily',
    });
    assert.deepEqual(kept({ ...none, weekly: 3 }), {
        '03-04T01': 'newest,weekly',
        '03-03T23': 'weekly',
        '02-25T12': 'weekly',
    });
    assert.deepEqual(kept({ ...none, monthly: 9 }), {
        '03-04T01': 'newest,monthly',
        '02-28T18': 'monthly',
        '01-15T12': 'monthly',
    });
    const plan = planPrune(snapshots, { newest: 1, daily: 1, weekly: 1, monthly: 1 });
    assert.equal(plan.kept.length + plan.removed.length, snapshots.length);
    assert.deepEqual(plan.kept, [
        { id: '2024-03-04T01:00:00Z', why: ['newest', 'daily', 'weekly', 'monthly'] },
    ]);
});

let world: ChainWorld;
let backups: string;

before(async () => {
    world = await openChainWorld({ marketZone: 'UTC' });
    backups = path.join(world.folder, 'backups');
});

after(() => world.end());

async function deliver(n: number): Promise<void> {
    const rows = Array.from({ length: 24 }, (_, i) => ({
        meter: 'A',
        at: Date.parse('2013-05-01T00:00:00Z') + (24 * n + i) * 3_600_000,
        minutes: 60,
        kwh: `${n}.${i}`,
    }));
    await world.ingest('generic-csv', { [`${n}.csv`]: readingsCsv(rows) });
    await refreshAll(world.workspace);
}

const backUp = () => done<{ id: string; addedBytes: number }>(world.homeFolder, 'backup', backups);

test('a second backup adds only bytes that are new, and a prune only takes away what nobody names', async () => {
    await deliver(0);
    const first = await backUp();
    await deliver(1);
    const before = filesOf(backups);
    const second = await backUp();
    const added = [...filesOf(backups)].filter(([file]) => file.startsWith('objects') && !before.has(file));
    assert.equal(
        added.reduce((sum, [, size]) => sum + size, 0),
        second.addedBytes,
    );
    const segments = [...filesOf(world.workspace.raw.folder).values()];
    assert.ok(added.some(([, size]) => size === segments.at(-1)));
    const killed = await runCommandWith(
        { GRIDTALLY_CRASH: 'backup:1' },
        ...['backup', 'prune', backups, '--keep', '1'],
    );
    assert.equal(killed.code, -1);
    const verified = await verifyBackups(backups);
    assert.deepEqual([verified.snapshots, verified.damaged], [[second.id], []]);
    assert.ok(verified.unnamed > 0 && first.id !== second.id);
    const pruned = await done<{ removedObjects: number }>(
        undefined,
        'backup',
        'prune',
        backups,
        '--keep',
        '1',
    );
    assert.equal(pruned.removedObjects, verified.unnamed);
    const { damaged, unnamed } = await verifyBackups(backups);
    assert.deepEqual([damaged, unnamed], [[], 0]);
});

test('a home that says which snapshots stay has them pruned by each backup, and told', async () => {
    const plain = await runCommand(world.homeFolder, 'backup', 'prune', backups);
    assert.equal(plain.code, 2);
    assert.match(plain.said, /the home does not say which snapshots stay/);
    const settings = path.join(world.homeFolder, HOME_FILE);
    const text = readFileSync(settings, 'utf8');
    writeFileSync(settings, text.replace(/# backups: .*/, 'backups: { newest: 2 }'));
    assert.deepEqual(readHome(world.homeFolder).retention, {
        replacedDays: 7,
        backups: { newest: 2, daily: 0, weekly: 0, monthly: 0 },
    });
    const [{ id: first } = { id: '' }] = await done<{ id: string }[]>(undefined, 'backup', 'list', backups);
    const second = await backUp();
    const third = await done<{ id: string; pruned: { removed: string[]; kept: { id: string }[] } }>(
        world.homeFolder,
        ...['backup', backups],
    );
    assert.deepEqual(third.pruned.removed, [first]);
    assert.deepEqual(third.pruned.kept.map(({ id }) => id).sort(), [second.id, third.id].sort());
    const plan = await done<{ removed: string[] }>(world.homeFolder, 'backup', 'prune', backups, '--plan');
    assert.deepEqual(plan.removed, []);
    assert.deepEqual((await verifyBackups(backups)).damaged, []);
});

test('settings of retention that cannot be are refused with their line', () => {
    const settings = path.join(world.homeFolder, HOME_FILE);
    const text = readFileSync(settings, 'utf8');
    for (const [now, field, message] of [
        ['backups: { newest: 0 }', 'retention.backups.newest', /1/],
        ['backups: { daily: 3 }', 'retention.backups.newest', /expected number/],
        ['backups: { newest: 1, yearly: 1 }', 'retention.backups.yearly', /there is no such setting/],
        ['rawDays: 30', 'retention.rawDays', /there is no such setting/],
    ] as const) {
        writeFileSync(settings, text.replace(/backups: .*/, now));
        assert.throws(
            () => readHome(world.homeFolder),
            (error: { code: string; faults: { line: number; field: string; message: string }[] }) => {
                assert.equal(error.code, 'home.config-invalid');
                assert.equal(error.faults.length, 1);
                assert.equal(error.faults[0]?.field, field);
                assert.match(error.faults[0]?.message ?? '', message);
                assert.ok((error.faults[0]?.line ?? 0) > 30);
                return true;
            },
        );
    }
    writeFileSync(settings, text);
});
