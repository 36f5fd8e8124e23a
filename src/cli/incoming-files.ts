import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { GridtallyError } from '../kernel/errors.ts';
import type { IncomingPayload } from '../raw/receive.ts';

/**
 * Files to deliver: those named, and all below named folders, in the order of their names. The source key
 * is the file's name, with its path below the named folder.
 */
export function incomingFiles(paths: readonly string[]): IncomingPayload[] {
    const missing = paths.filter((p) => !existsSync(p));
    if (missing.length > 0) {
        throw new GridtallyError('usage.invalid', `no such file or folder: ${missing.join(', ')}`);
    }
    return paths.flatMap((given) => {
        if (!statSync(given).isDirectory()) return [{ sourceKey: path.basename(given), path: given }];
        return readdirSync(given, { recursive: true, withFileTypes: true })
            .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
            .map((entry) => path.join(entry.parentPath, entry.name))
            .sort()
            .map((file) => ({ sourceKey: path.relative(given, file), path: file }));
    });
}
