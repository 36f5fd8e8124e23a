import type { Command } from 'commander';
import type { ReplayPlan } from '../ingest/replay-plan.ts';
import { count, counted } from '../kernel/counted.ts';
import { planReplayOf, replayFaulty } from '../pipeline/chain.ts';
import { type HomeStatus, readStatus } from '../pipeline/status.ts';
import { type CommonOptions, command, withWorkspace } from './command-context.ts';
import { refusalLine } from './refusal-text.ts';

interface ReplayOptions extends CommonOptions {
    readonly feed?: string;
    readonly plan?: boolean;
}

export function addReplayCommand(program: Command): void {
    command(program, 'replay', 'judge again, by a new contract, what an older one refused or quarantined')
        .option('--feed <name>', 'only this feed')
        .option('--plan', 'only print what would be judged again')
        .action(replayCommand);
}

async function replayCommand(options: ReplayOptions): Promise<void> {
    await withWorkspace(options, async (workspace, output) => {
        if (options.plan) {
            const plans = await planReplayOf(workspace, options.feed);
            output.result(
                plans,
                plans.length > 0 ? plans.flatMap(planLines) : 'every contract in force has judged everything',
            );
            return;
        }
        const before = rowCounts(await readStatus(workspace.lake));
        const totals = await replayFaulty(workspace, options.feed, ({ segments }) =>
            output.progress(`replay: ${count(segments)} segments`),
        );
        const after = rowCounts(await readStatus(workspace.lake));
        output.result({ ...totals, before, after }, [
            `of the refused files ${count(totals.payloadsAdmitted)} came in; the new contract refuses ${count(totals.payloadsRefusedAgain)} too`,
            `${counted(totals.rowsLookedAt, 'quarantined row')} judged again; accepted ${count(totals.versions)}, waiting ${count(totals.waiting)}, quarantined ${count(totals.quarantined)}`,
            ...totals.refusals.map((r) => `  ${refusalLine(r)}`),
            `before: ${sumLine(before)}`,
            `after:  ${sumLine(after)}`,
            ...(totals.versions > 0 ? ['next: gridtally refresh'] : []),
        ]);
    });
}

function planLines(plan: ReplayPlan): string[] {
    return [
        `${plan.feed}: ${counted(plan.segments, 'segment')} judged by ${plan.judgedBy.join(', ')}, to be judged by ${plan.contractVersion}`,
        ...plan.refused.map((r) => `  file ${r.sourceKey} (receipt ${r.sequence}): ${r.ruleId}`),
        ...Object.entries(plan.quarantinedByRule)
            .sort()
            .map(([rule, n]) => `  ${rule}: ${counted(n, 'row')}`),
    ];
}

type RowCounts = Pick<
    HomeStatus,
    'payloadsRefused' | 'rowsReceived' | 'versions' | 'registerReads' | 'rowsQuarantined' | 'rowsWaiting'
>;

function rowCounts(status: HomeStatus): RowCounts {
    const { payloadsRefused, rowsReceived, versions, registerReads, rowsQuarantined, rowsWaiting } = status;
    return { payloadsRefused, rowsReceived, versions, registerReads, rowsQuarantined, rowsWaiting };
}

function sumLine(c: RowCounts): string {
    return `${counted(c.rowsReceived, 'row')} = ${count(c.versions + c.registerReads)} accepted + ${count(c.rowsQuarantined)} quarantined + ${count(c.rowsWaiting)} waiting; ${counted(c.payloadsRefused, 'file')} refused`;
}
