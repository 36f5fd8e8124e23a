import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

export const ROOT = path.join(import.meta.dirname, '..', '..');

/** A file of the tree, as git would list it: what `.gitignore` names is not there. */
export interface TreeFile {
    /** From the root, with forward slashes. */
    readonly path: string;
    readonly bytes: number;
}

let known: readonly TreeFile[] | undefined;

/** All files of the tree, read once. Not asked of git, so that the rules hold in an unpacked archive too. */
export function treeFiles(): readonly TreeFile[] {
    known ??= walk('', ignoreRules(readFileSync(path.join(ROOT, '.gitignore'), 'utf8')));
    return known;
}

export function filesUnder(folder: string, ending: string): string[] {
    const prefix = folder === '' ? '' : `${folder}/`;
    return treeFiles()
        .map((file) => file.path)
        .filter((file) => file.startsWith(prefix) && file.endsWith(ending));
}

export function readTree(file: string): string {
    return readFileSync(path.join(ROOT, file), 'utf8');
}

export function lineCount(text: string): number {
    return text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
}

export function isText(file: string): boolean {
    const head = readFileSync(path.join(ROOT, file)).subarray(0, 8000);
    return !head.includes(0);
}

function walk(folder: string, isIgnored: (file: string, isFolder: boolean) => boolean): TreeFile[] {
    const found: TreeFile[] = [];
    for (const entry of readdirSync(path.join(ROOT, folder), { withFileTypes: true })) {
        const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
        if (name === '.git' || isIgnored(name, entry.isDirectory())) continue;
        if (entry.isDirectory()) found.push(...walk(name, isIgnored));
        else found.push({ path: name, bytes: statSync(path.join(ROOT, name)).size });
    }
    return found;
}

/** Reads the four forms of pattern that `.gitignore` uses here: `name`, `*.ending`, `name/` and `/name/`. */
export function ignoreRules(gitignore: string): (file: string, isFolder: boolean) => boolean {
    const patterns = gitignore.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    for (const pattern of patterns) {
        if (!/^(\/?[\w.-]+\/?|\*\.\w+)$/.test(pattern))
            throw new Error(`.gitignore: '${pattern}' is of a new form`);
    }
    return (file, isFolder) =>
        patterns.some((pattern) => {
            const name = pattern.replace(/^\/|\/$/g, '');
            if (pattern.endsWith('/') && !isFolder) return false;
            if (pattern.startsWith('*')) return file.endsWith(pattern.slice(1));
            return pattern.startsWith('/') ? file === name : path.posix.basename(file) === name;
        });
}
