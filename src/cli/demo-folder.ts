import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import path from 'node:path';
import { isUnfinishedName, makeFolderDurably, writeFileDurably } from '../kernel/durable.ts';
import { GridtallyError } from '../kernel/errors.ts';
import { HOME_FILE } from '../store/home.ts';

/** Says whose the folder is. Only where it stands may `demo` remove anything. */
export const TOWN_FILE = 'gridtally-town.json';
const MADE_BY = 'gridtally demo';

/** What the simulator writes into a folder. */
const TOWN_NAMES: readonly string[] = ['master', 'master-late', 'deliveries', 'deliveries.ndjson', 'truth'];

/**
 * Takes a new or empty folder for a town, and says so in it, durably, before anything else is written there; or finds one that is a town's
 * already. So nothing that a person put into a folder is ever taken for a part of a town, nor removed with it.
 * @throws GridtallyError `usage.invalid` for any other folder, which is left as it is
 */
export async function claimTownFolder(folder: string, feed: string): Promise<void> {
    if (existsSync(folder) && !statSync(folder).isDirectory())
        throw new GridtallyError('usage.invalid', `${folder} is no folder`);
    const names = existsSync(folder) ? readdirSync(folder).filter((name) => !isUnfinishedName(name)) : [];
    if (names.includes(TOWN_FILE)) return requireOwn(folder);
    if (names.length > 0 && !isUnmarkedTown(folder, feed)) throw notATown(folder, names);
    await makeFolderDurably(folder);
    const what = 'gridtally demo --fresh removes the folders home and simulated beside this file';
    await writeFileDurably(
        path.join(folder, TOWN_FILE),
        `${JSON.stringify({ madeBy: MADE_BY, what }, null, 2)}\n`,
    );
}

function requireOwn(folder: string): void {
    const file = path.join(folder, TOWN_FILE);
    const { madeBy } = readJson(file) as { madeBy?: unknown };
    if (madeBy === MADE_BY) return;
    throw new GridtallyError('usage.invalid', `${file} does not say that ${MADE_BY} made its folder`, {
        remedy: 'Name a new folder with --home.',
    });
}

function notATown(folder: string, names: readonly string[]): GridtallyError {
    const shown = names.toSorted().slice(0, 3).join(', ');
    return new GridtallyError(
        'usage.invalid',
        `${folder} was not made by ${MADE_BY}, and is not empty: it holds ${shown}${names.length > 3 ? ', …' : ''}`,
        { remedy: 'Name a new or empty folder with --home; nothing was changed in this one.' },
    );
}

/**
 * Whether an older version made the folder, which did not say so in it: the town is whole and nothing is among its files, it delivers by the
 * demo's own feed, which `gridtally simulate` never names, and a home that stands beside it has the contract of that feed.
 */
function isUnmarkedTown(folder: string, feed: string): boolean {
    const town = path.join(folder, 'simulated');
    const home = path.join(folder, 'home');
    const totals = path.join(town, 'truth', 'totals.json');
    const list = path.join(town, 'deliveries.ndjson');
    return (
        existsSync(totals) &&
        existsSync(list) &&
        readdirSync(town).every((name) => TOWN_NAMES.includes(name)) &&
        typeof (readJson(totals) as { homes?: unknown }).homes === 'number' &&
        (parseJson(firstLine(list)) as { feed?: unknown }).feed === feed &&
        (!existsSync(home) ||
            (existsSync(path.join(home, HOME_FILE)) &&
                existsSync(path.join(home, 'feeds', `${feed}.odcs.yaml`))))
    );
}

function readJson(file: string): object {
    return parseJson(readFileSync(file, 'utf8'));
}

/** What is no JSON object has no properties. */
function parseJson(text: string): object {
    try {
        const value: unknown = JSON.parse(text);
        return typeof value === 'object' && value !== null ? value : {};
    } catch {
        return {};
    }
}

/** A list of deliveries may be long, and its lines are short. */
function firstLine(file: string): string {
    const start = Buffer.alloc(4096);
    const handle = openSync(file, 'r');
    try {
        return start.toString('utf8', 0, readSync(handle, start)).split('\n')[0] ?? '';
    } finally {
        closeSync(handle);
    }
}
