import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { openWorkspace, type Workspace } from '../../src/cli/workspace.ts';
import { PUBLISHED_TABLES } from '../../src/lake/curation-job.ts';
import { withPublishedViews } from '../../src/pipeline/published-views.ts';
import { verifyHome } from '../../src/pipeline/verify-home.ts';
import { payloadIdentity } from '../../src/raw/segment-format.ts';
import { type Besides, comparePublished, type PublishedTown } from '../chain/town-comparison.ts';
import { contentOf, differences } from '../crash/home-content.ts';
import { removeScratchFolder } from '../store/scratch-home.ts';
import { backupsOf } from './chaos-home.ts';
import type { ProcessEnd } from './chaos-process.ts';
import { type ChaosPlan, FEED, ZONE } from './seed-plan.ts';
import type { ChaosPlace } from './seed-run.ts';
import { estimatesFromTruth } from './truth-estimates.ts';

/** Deliveries that were acknowledged and that the catalogue does not know. */
export async function lostDeliveries(
    workspace: Workspace,
    acknowledged: ReadonlySet<string>,
): Promise<string[]> {
    const rows = await workspace.db.query<{ identity: string }>(
        `select encode(identity, 'hex') as identity from payload_identities`,
    );
    const known = new Set(rows.map(({ identity }) => identity));
    return [...acknowledged]
        .filter((file) => !known.has(identityOf(file)))
        .map((file) => `${path.basename(file)} was acknowledged and is lost`);
}

function identityOf(file: string): string {
    const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex');
    return payloadIdentity({ feed: FEED, sourceKey: path.basename(file), sha256 }).toString('hex');
}

/** Everything in which a settled home differs from the truth, from what its parts say of each other, and from itself made anew. */
export async function judgeHome(
    workspace: Workspace,
    plan: ChaosPlan,
    place: ChaosPlace & { readonly besides: Besides },
    quietly: (args: readonly string[], home?: string) => Promise<ProcessEnd>,
): Promise<string[]> {
    const town: PublishedTown = {
        workspace,
        townFolder: place.townFolder,
        totals: place.totals,
        withViews: (work) => withPublishedViews(workspace, { showsIdentity: true }, work),
    };
    const truth = plan.methods.length > 0 ? estimatesFromTruth(plan) : undefined;
    const findings = await comparePublished(town, ZONE, truth, place.besides);
    findings.push(...(await publishedTwice(workspace)), ...(await faultsOf(workspace)));
    if (findings.length === 0 && plan.restores)
        findings.push(...(await restoredOtherwise(workspace, place, quietly)));
    if (!plan.rebuilds || findings.length > 0) return findings;
    const before = await contentOf(workspace);
    const { document: rebuilt } = await quietly(['rebuild', '--from-raw']);
    if (rebuilt?.isSame !== true)
        findings.push(`the content is another once made from scratch: ${JSON.stringify(rebuilt)}`);
    for (const month of plan.months) {
        const { document } = await quietly(['bill', '--period', month]);
        if (document?.drafted !== 0 || document.replaced !== 0 || document.removed !== 0)
            findings.push(`bills of ${month} are others once made from scratch: ${JSON.stringify(document)}`);
    }
    findings.push(...differences(before, await contentOf(workspace), 'from scratch'));
    return findings;
}

/** Everything in which a home that is made from a backup differs from the one that was backed up. */
async function restoredOtherwise(
    workspace: Workspace,
    place: ChaosPlace,
    quietly: (args: readonly string[], home?: string) => Promise<ProcessEnd>,
): Promise<string[]> {
    const home = `${place.home}-restored`;
    try {
        await quietly(['backup', backupsOf(place.home)]);
        const { how } = await quietly(['restore', backupsOf(place.home)], home);
        // that it failed has been told
        return how === 'done' ? await compareRestored(workspace, home) : [];
    } finally {
        await removeScratchFolder(home);
    }
}

async function compareRestored(workspace: Workspace, home: string): Promise<string[]> {
    const restored = await openWorkspace(home);
    try {
        const faults = await faultsOf(restored);
        return [
            ...faults.map((fault) => `restored: ${fault}`),
            ...differences(await contentOf(workspace), await contentOf(restored), 'restored'),
        ];
    } finally {
        await restored.close();
    }
}

/** What the parts of the home say of each other: bytes, rows, sums and bills. */
async function faultsOf(workspace: Workspace): Promise<string[]> {
    const { faults } = await verifyHome(workspace);
    return faults.map(({ area, place, what }) => `${area}: ${place} ${what}`);
}

/** Versions of a published partition that more than one commit made: the later one did not know of the earlier. */
async function publishedTwice({ db }: Workspace): Promise<string[]> {
    const rows = await db.query<{ what: string; commits: number }>(
        `select concat_ws(' ', table_name, market_day, bucket, 'version', added_version) as what, count(distinct added_in) as commits
           from partition_files where table_name = any($1)
          group by table_name, market_day, bucket, added_version having count(distinct added_in) > 1`,
        [PUBLISHED_TABLES],
    );
    return rows.map(({ what, commits }) => `${what} was published ${commits} times`);
}
