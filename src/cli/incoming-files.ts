import { existsSync, readdirSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { BACKUPS_FILE } from '../backup/backup-folder.ts';
import { GridtallyError } from '../kernel/errors.ts';
import type { IncomingPayload } from '../raw/receive.ts';
import { HOME_FILE } from '../store/home.ts';

export interface IncomingFiles {
    readonly files: readonly IncomingPayload[];
    /** Folders below named ones that are homes, or hold backups of one: what a home keeps, such as the password of its database, is no delivery. */
    readonly skippedHomes: readonly string[];
}

/**
 * Files to deliver: those named, and all below named folders but for homes and backups, in the order of their names. The source key
 * is the file's name, with its path below the named folder.
 * @throws GridtallyError `usage.invalid` where a path is not there, or is, or leads by a link to, a home, what a home keeps, or a backup
 */
export function incomingFiles(paths: readonly string[]): IncomingFiles {
    const missing = paths.filter((p) => !existsSync(p));
    if (missing.length > 0) {
        throw new GridtallyError('usage.invalid', `no such file or folder: ${missing.join(', ')}`, {
            remedy: 'Give the path of a file, or of a folder with files, as seen from the folder in which the command runs.',
        });
    }
    for (const given of paths) refuseHome(given);
    const found = paths.map((given) =>
        statSync(given).isDirectory()
            ? filesBelow(given)
            : { files: [{ sourceKey: path.basename(given), path: given }], skippedHomes: [] },
    );
    return {
        files: found.flatMap(({ files }) => files),
        skippedHomes: found.flatMap(({ skippedHomes }) => skippedHomes),
    };
}

function filesBelow(folder: string): IncomingFiles {
    const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
    const homes = entries
        .filter(({ name }) => name === HOME_FILE || name === BACKUPS_FILE)
        .map(({ parentPath }) => parentPath);
    const isOfHome = (file: string) => homes.some((home) => file.startsWith(home + path.sep));
    const files = entries
        .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
        .map((entry) => path.join(entry.parentPath, entry.name))
        .filter((file) => !isOfHome(file))
        .sort();
    return {
        files: files.map((file) => ({ sourceKey: path.relative(folder, file), path: file })),
        skippedHomes: homes.sort(),
    };
}

const KEPT_BY_HOME = [HOME_FILE, 'database', 'lake', 'raw', 'scratch'];

function refuseHome(given: string): void {
    let inside: string | undefined;
    let folder = realpathSync(given);
    for (;;) {
        if (existsSync(path.join(folder, BACKUPS_FILE)))
            throw refusal(
                inside === undefined
                    ? `${given} is a folder of backups`
                    : `${given} belongs to the backups ${folder}`,
            );
        const isKept = inside === undefined || KEPT_BY_HOME.includes(inside);
        if (isKept && existsSync(path.join(folder, HOME_FILE)))
            throw refusal(
                inside === undefined ? `${given} is a home` : `${given} belongs to the home ${folder}`,
            );
        const above = path.dirname(folder);
        if (above === folder) return;
        inside = path.basename(folder);
        folder = above;
    }
}

function refusal(message: string): GridtallyError {
    return new GridtallyError('usage.invalid', message, {
        remedy: 'Give the files that a vendor sent, or a folder with them.',
    });
}
