import { readManifest, removeManifests, snapshotIds, withBackups } from './backup-folder.ts';
import { objectsOf } from './verify-backup.ts';

export interface PruneOutcome {
    readonly kept: readonly string[];
    readonly removed: readonly string[];
    readonly removedObjects: number;
    readonly removedBytes: number;
}

/**
 * Removes all but the newest `keep` snapshots, and the objects that no other snapshot names. Snapshots go first: killed in between, what is left
 * without a name goes with the next prune. Throws `backup.damaged`, before anything is removed, where a snapshot that stays cannot tell what it is made of.
 */
export async function pruneBackups(folder: string, keep: number): Promise<PruneOutcome> {
    return withBackups(folder, 'exclusive', async (backups) => {
        const ids = snapshotIds(backups);
        const kept = keep === 0 ? [] : ids.slice(-keep);
        const removed = ids.filter((id) => !kept.includes(id));
        const named = new Set<string>();
        for (const id of kept)
            for (const { sha256 } of await objectsOf(backups, readManifest(backups, id))) named.add(sha256);
        await removeManifests(backups, removed);
        const dead = [...backups.objects.list()].filter(([sha256]) => !named.has(sha256));
        await backups.objects.remove(dead.map(([sha256]) => sha256));
        const removedBytes = dead.reduce((sum, [, size]) => sum + size, 0);
        return { kept, removed, removedObjects: dead.length, removedBytes };
    });
}
