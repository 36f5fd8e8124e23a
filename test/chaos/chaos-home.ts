import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { openWorkspace } from '../../src/cli/workspace.ts';
import { townContract } from '../../src/pipeline/town-chain.ts';
import { HOME_FILE, initHome } from '../../src/store/home.ts';
import { shippedContract } from '../chain/chain-world.ts';
import { type ChaosPlan, FEED, ZONE } from './seed-plan.ts';

/** Buckets of 16 channels, one thread of the engine: several seeds run at once. */
async function initEmptyHome(folder: string): Promise<void> {
    await initHome(folder, { marketZone: ZONE, currency: 'GBP', bucketSize: 16 });
    const settings = path.join(folder, HOME_FILE);
    writeFileSync(settings, readFileSync(settings, 'utf8').replace('# threads: 2', 'threads: 1'));
}

/** A home with a database of its own that nothing has been received in, to be copied: to make a database takes as long as a command. */
export async function makeTemplate(folder: string): Promise<string> {
    await initEmptyHome(folder);
    await (await openWorkspace(folder)).close();
    return folder;
}

/** The home of a seed, with its settings and the contract of its town. */
export async function makeChaosHome(folder: string, template: string, plan: ChaosPlan): Promise<void> {
    // a database that lies elsewhere, because its account cannot reach this place, is not copied with the home
    if (existsSync(path.join(template, 'database', 'place'))) await initEmptyHome(folder);
    else copyFolder(template, folder);
    const settings = path.join(folder, HOME_FILE);
    const estimation = `estimation: { methods: [${plan.methods.join(', ')}] }\n`;
    writeFileSync(settings, `${readFileSync(settings, 'utf8')}${estimation}horizon: ${plan.lastDay}\n`);
    mkdirSync(path.join(folder, 'feeds'), { recursive: true });
    writeFileSync(
        path.join(folder, 'feeds', `${FEED}.odcs.yaml`),
        townContract(shippedContract(plan.town.feed), FEED),
    );
}

/** The folder of a home's backups. */
export function backupsOf(home: string): string {
    return `${home}-backups`;
}

/** With owners and modes: the server's files belong to its account. */
function copyFolder(from: string, to: string): void {
    const { status, stderr } = spawnSync('cp', ['-Rp', from, to], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`cp: ${stderr}`);
}
