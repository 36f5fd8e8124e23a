import { GridtallyError } from '../kernel/errors.ts';
import { type BackupFolder, readFileList, readManifest, snapshotIds, withBackups } from './backup-folder.ts';
import type { ObjectReference, SnapshotManifest } from './snapshot-manifest.ts';

export interface BackupDamage {
    /** The file in the folder of backups. */
    readonly file: string;
    readonly what: string;
    /** What of the home it is: a file, or rows of a table. */
    readonly holds: string;
    /** The snapshots that cannot be restored for it. */
    readonly snapshots: readonly string[];
}

export interface BackupVerification {
    readonly snapshots: readonly string[];
    readonly objects: number;
    readonly bytes: number;
    readonly damaged: readonly BackupDamage[];
    /** Objects that no snapshot names: left by a backup that was cut off; the next one uses them, and a prune removes them. */
    readonly unnamed: number;
}

/** An object with what names it. */
interface NamedObject extends ObjectReference {
    readonly holds: string;
    readonly snapshots: string[];
}

/** Reads and re-hashes every object that a snapshot names. Throws `backup.folder-foreign`, `backup.folder-in-use`. */
export async function verifyBackups(
    folder: string,
    onProgress: (done: number, of: number) => void = () => {},
): Promise<BackupVerification> {
    return withBackups(folder, 'shared', async (backups) => {
        const damaged: BackupDamage[] = [];
        const named = new Map<string, NamedObject>();
        const snapshots = snapshotIds(backups);
        for (const id of snapshots) damaged.push(...(await nameObjects(backups, id, named)));
        let [objects, bytes] = [0, 0];
        for (const object of named.values()) {
            const what = await backups.objects.fault(object);
            const file = backups.objects.pathOf(object.sha256);
            const { holds, snapshots: needing } = object;
            if (what !== undefined) damaged.push({ file, what, holds, snapshots: needing });
            objects += 1;
            bytes += object.size;
            onProgress(objects, named.size);
        }
        const unnamed = [...backups.objects.list().keys()].filter((sha256) => !named.has(sha256)).length;
        return { snapshots, objects, bytes, damaged, unnamed };
    });
}

/** Adds the objects of a snapshot; gives what is wrong with its manifest or its list of files. */
async function nameObjects(
    backups: BackupFolder,
    id: string,
    named: Map<string, NamedObject>,
): Promise<BackupDamage[]> {
    try {
        for (const { holds, ...reference } of await objectsOf(backups, readManifest(backups, id))) {
            const known = named.get(reference.sha256);
            if (known === undefined) named.set(reference.sha256, { ...reference, holds, snapshots: [id] });
            else if (known.snapshots.at(-1) !== id) known.snapshots.push(id);
        }
        return [];
    } catch (error) {
        if (!(error instanceof GridtallyError) || error.code !== 'backup.damaged') throw error;
        const holds = 'what the snapshot is made of';
        return [{ file: id, what: error.message, holds, snapshots: [id] }];
    }
}

/** Every object that a snapshot is made of. Throws `backup.damaged`. */
export async function objectsOf(
    backups: BackupFolder,
    manifest: SnapshotManifest,
): Promise<(ObjectReference & { readonly holds: string })[]> {
    const files = await readFileList(backups, manifest.fileList);
    return [
        { ...manifest.fileList, holds: 'the list of files' },
        ...manifest.tables.flatMap(({ name, parts }) =>
            parts.map((part) => ({ ...part, holds: `rows of the table ${name}` })),
        ),
        ...files.map(({ root, path, sha256, size }) => ({ sha256, size, holds: `${root}/${path}` })),
    ];
}
