import { existsSync, readdirSync, statSync } from 'node:fs';
import { GridtallyError } from '../kernel/errors.ts';

/**
 * What is there already is left alone.
 * @throws GridtallyError `usage.invalid` for a folder that is not empty, and for what is no folder
 */
export function requireNewFolder(folder: string): void {
    if (!existsSync(folder)) return;
    if (!statSync(folder).isDirectory()) {
        throw new GridtallyError('usage.invalid', `simulate: ${folder} is no folder`);
    }
    if (readdirSync(folder).length > 0) {
        throw new GridtallyError('usage.invalid', `simulate: the folder ${folder} is not empty`);
    }
}
