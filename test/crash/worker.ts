import { writeSync } from 'node:fs';
import { openWorkspace, type Workspace } from '../../src/cli/workspace.ts';
import { knownFeed } from '../../src/ingest/delivering-feeds.ts';
import { monthPeriod } from '../../src/kernel/calendar-date.ts';
import { GridtallyError } from '../../src/kernel/errors.ts';
import { crashPoint } from '../../src/kernel/faults.ts';
import { compact } from '../../src/lake/compaction.ts';
import { load, parseReceived, refreshAll, replayFaulty } from '../../src/pipeline/chain.ts';
import { draftPeriod } from '../../src/pipeline/draft-period.ts';
import { receive } from '../../src/raw/receive.ts';
import type { WorkerStep } from './worker-step.ts';

/** Takes the given steps in a home, as the commands do, and prints each receipt as it is acknowledged: `sequence source-key`. */
async function main(folder: string, steps: readonly WorkerStep[]): Promise<void> {
    const workspace = await openWorkspace(folder);
    for (const step of steps) await take(workspace, step);
    await workspace.close();
}

async function take(workspace: Workspace, step: WorkerStep): Promise<void> {
    if (step.kind === 'receive') await receiveGroups(workspace, step);
    else if (step.kind === 'parse') await parseReceived(workspace);
    else if (step.kind === 'parse marking first') await parseMarkingFirst(workspace);
    else if (step.kind === 'refresh') await refreshAll(workspace);
    else if (step.kind === 'replay') await replayFaulty(workspace);
    else if (step.kind === 'compact') await compact(workspace.lake);
    else if (step.kind === 'draft') {
        for (const month of step.months) await draftPeriod(workspace, monthPeriod(month));
    } else if (step.kind === 'load') {
        for (const file of step.files) await load(workspace, file);
    }
}

async function receiveGroups(
    { lake, home, clock, raw }: Workspace,
    step: WorkerStep & { kind: 'receive' },
): Promise<void> {
    for (const group of step.groups) {
        for (const [feedName, deliveries] of Map.groupBy(group, (delivery) => delivery.feed)) {
            const { feedId, contract } = await knownFeed(lake.db, home.folder, feedName, clock);
            const feed = { feedId, name: feedName, repeatWindowDays: contract.delivery.repeatWindowDays };
            for await (const receipt of receive(raw, feed, deliveries)) {
                writeSync(1, `${receipt.sequence} ${receipt.sourceKey}\n`);
            }
        }
    }
}

/** The planted fault: segments are marked parsed before their rows are in, so a kill in between loses them. */
async function parseMarkingFirst(workspace: Workspace): Promise<void> {
    const marked = await workspace.lake.db.transaction((tx) =>
        tx.query<{ segmentNo: number }>(
            `update segments set parsed_at = now(), parse_stats = '{}' where parsed_at is null returning segment_no as "segmentNo"`,
        ),
    );
    if (marked.length > 0) crashPoint('parse');
    await workspace.lake.db.transaction((tx) =>
        tx.query('update segments set parsed_at = null where segment_no = any($1)', [
            marked.map((row) => row.segmentNo),
        ]),
    );
    await parseReceived(workspace);
}

try {
    await main(process.argv[2] ?? '', JSON.parse(process.argv[3] ?? '[]'));
} catch (error) {
    const code = error instanceof GridtallyError ? error.code : '';
    writeSync(2, `${code} ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exit(1);
}
