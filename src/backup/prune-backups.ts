import { crashPoint } from '../kernel/faults.ts';
import type { BackupRetention } from '../store/home.ts';
import {
    type BackupFolder,
    readManifest,
    removeManifests,
    snapshotIds,
    withBackups,
} from './backup-folder.ts';
import { type PrunePlan, planPrune } from './prune-plan.ts';
import { objectsOf } from './verify-backup.ts';

export interface PruneOutcome extends PrunePlan {
    /** Bytes under a hash that no snapshot names any more. */
    readonly removedObjects: number;
    readonly removedBytes: number;
}

/** What a prune would remove now. Throws `backup.damaged` where a snapshot does not say when it was taken. */
export async function planPruneOf(folder: string, policy: BackupRetention): Promise<PrunePlan> {
    return withBackups(folder, 'shared', async (backups) => planPrune(datedSnapshots(backups), policy));
}

/**
 * Removes the snapshots that the policy does not keep, and the objects that no other snapshot names. Snapshots go first: killed in between, what is left
 * without a name goes with the next prune. Throws `backup.damaged`, before anything is removed, where a snapshot cannot tell what it is made of.
 */
export async function pruneBackups(folder: string, policy: BackupRetention): Promise<PruneOutcome> {
    return withBackups(folder, 'exclusive', async (backups) => {
        const plan = planPrune(datedSnapshots(backups), policy);
        const named = new Set<string>();
        for (const { id } of plan.kept)
            for (const { sha256 } of await objectsOf(backups, readManifest(backups, id))) named.add(sha256);
        await removeManifests(backups, plan.removed);
        crashPoint('backup');
        const dead = [...backups.objects.list()].filter(([sha256]) => !named.has(sha256));
        await backups.objects.remove(dead.map(([sha256]) => sha256));
        const removedBytes = dead.reduce((sum, [, size]) => sum + size, 0);
        return { ...plan, removedObjects: dead.length, removedBytes };
    });
}

function datedSnapshots(backups: BackupFolder) {
    return snapshotIds(backups).map((id) => readManifest(backups, id));
}
