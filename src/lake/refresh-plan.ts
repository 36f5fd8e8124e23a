import type { JobLimits } from '../engine/engine.ts';
import type { CalendarDate } from '../kernel/calendar-date.ts';
import { counted } from '../kernel/counted.ts';
import { type PartitionKey, partitionText } from './lake.ts';

/** What the published tables of a partition were made from, as recorded with `reads_interval`. */
export interface CurationInputs {
    /** Version of the partition in `reading_versions`; 0: nothing was received. */
    readonly versions: number;
    /** Registrations that touch the partition, as `count:highest`. */
    readonly registration: string;
    /** The home's horizon and registrations expect readings in it. */
    readonly isExpected: boolean;
    /** Fingerprint of the models that decide and of the feeds' precedence. */
    readonly curation: string;
    /** Fingerprint of the models that sum. */
    readonly rollup: string;
    /** Fingerprint of the settings of validation; absent in what was made before there were any. */
    readonly validation?: string;
    /** Changes of the attributes that validation goes by, as `count:highest`. */
    readonly attributes?: string;
    /** Fingerprint of what decides estimates beside readings; `none`, or absent: nothing is estimated. */
    readonly estimation?: string;
    /** Sum of the versions of the partitions that estimates look at. */
    readonly windows?: number;
    /** What reads of registers within reach of the day come to; absent: there is none, or nothing is scaled to them. */
    readonly registers?: string;
    /** What registrations and attributes within reach of the day that load shapes go by come to; absent: there are no shapes. */
    readonly shapes?: string;
    /** Where gaps lie between reads of a register: what was published on the days between these. */
    readonly spans?: SpanWindow;
}

/** Days between reads of registers, both ends included, and what estimates look at there. */
export interface SpanWindow {
    readonly first: CalendarDate;
    readonly last: CalendarDate;
    /** Sum of the versions of the partitions of these days and of those that their estimates look at, but for the partition itself. */
    readonly versions: number;
    /** How many of the days are estimated. */
    readonly covered: number;
}

export interface PartitionState extends PartitionKey {
    readonly current: CurationInputs;
    readonly versionRows: number;
    readonly newVersionRows: number;
    readonly isExpected: boolean;
    /** Intervals that all channels of the bucket have in a day of 24 hours; 0 where none is expected. */
    readonly expectedIntervals: number;
    /** Intervals that a channel of the bucket has in a day of 24 hours, at most; 0 where none is registered. */
    readonly channelIntervals: number;
    /** What is published; absent: nothing yet. */
    readonly published?: {
        readonly version: number;
        readonly inputs: CurationInputs;
        /** Intervals that no feed gave a value for, estimated or not. */
        readonly unread: number;
    };
}

/** `estimate`: a merge of the channels, if there are any, whose estimates are no longer what they would be. */
export type RebuildKind = 'curate' | 'merge' | 'estimate' | 'remove';

export interface PlannedRebuild extends PartitionKey {
    readonly kind: RebuildKind;
    readonly reasons: readonly string[];
    readonly inputs: CurationInputs;
    readonly versionRows: number;
    /** Rows that the session of a job is reckoned to hold of it: all of the partition or, of a large merge, those of the channel-days that may be made anew. */
    readonly heldRows: number;
    readonly isExpected: boolean;
    readonly expectedIntervals: number;
    /** Published version that the rebuild replaces (compare-and-swap); 0: none. */
    readonly publishedVersion: number;
    /** Version of `reading_versions` up to which channels are unchanged, for `merge`. */
    readonly mergedFromVersion: number;
}

export interface RefreshPlan {
    readonly rebuilds: readonly PlannedRebuild[];
    readonly upToDate: number;
}

// a merge reads and writes the whole partition once more but sorts only the changed channels: measured
// cheaper below about a fifth of the rows
const MERGE_AT_MOST = 0.2;

/** Decides, without any I/O, which partitions are stale, why, and how each is rebuilt by an engine with these limits. */
export function planRefresh(
    states: readonly PartitionState[],
    limits: Pick<JobLimits, 'maxRowsTakenOver'>,
): RefreshPlan {
    const rebuilds: PlannedRebuild[] = [];
    for (const state of states) {
        const reasons = staleReasons(state);
        if (reasons.length === 0) continue;
        const kind = rebuildKind(state, reasons);
        rebuilds.push({
            marketDay: state.marketDay,
            bucket: state.bucket,
            kind,
            reasons,
            inputs: state.current,
            versionRows: state.versionRows,
            heldRows: heldRows(state, kind, reasons, limits),
            isExpected: state.isExpected,
            expectedIntervals: state.expectedIntervals,
            publishedVersion: state.published?.version ?? 0,
            mergedFromVersion: state.published?.inputs.versions ?? 0,
        });
    }
    rebuilds.sort((a, b) => a.marketDay.localeCompare(b.marketDay) || a.bucket - b.bucket);
    return { rebuilds, upToDate: states.length - rebuilds.length };
}

function staleReasons(state: PartitionState): string[] {
    const was = state.published?.inputs;
    if (!was) return state.versionRows > 0 || state.isExpected ? ['new'] : [];
    const reasons: string[] = [];
    if (was.versions !== state.current.versions) reasons.push('readings');
    if (was.registration !== state.current.registration) reasons.push('registration');
    if (was.isExpected !== state.current.isExpected) reasons.push('expectation');
    if (was.curation !== state.current.curation) reasons.push('curation rules');
    if (was.rollup !== state.current.rollup) reasons.push('rollup rules');
    if (was.validation !== state.current.validation) reasons.push('validation settings');
    if (was.attributes !== state.current.attributes) reasons.push('attributes');
    return [...reasons, ...estimateReasons(state)];
}

/** Without gaps there is nothing to estimate, whatever has changed. */
function estimateReasons({ current, published }: PartitionState): string[] {
    if (published === undefined || published.unread === 0) return [];
    const { estimation = 'none', windows = 0 } = published.inputs;
    const reasons: string[] = [];
    if (estimation !== current.estimation) reasons.push('estimation settings');
    if (current.estimation === 'none') return reasons;
    if (windows !== current.windows || isOtherSpan(published.inputs.spans, current.spans))
        reasons.push('estimate windows');
    if (published.inputs.registers !== current.registers) reasons.push('register reads');
    if (published.inputs.shapes !== current.shapes) reasons.push('load shapes');
    return reasons;
}

function isOtherSpan(was: SpanWindow | undefined, now: SpanWindow | undefined): boolean {
    return was?.versions !== now?.versions || was?.covered !== now?.covered;
}

const ESTIMATE_REASONS = new Set([
    'estimation settings',
    'estimate windows',
    'register reads',
    'load shapes',
]);

function rebuildKind(state: PartitionState, reasons: readonly string[]): RebuildKind {
    if (state.versionRows === 0 && !state.isExpected) return 'remove';
    if (reasons.every((reason) => ESTIMATE_REASONS.has(reason))) return 'estimate';
    const onlyReadings = reasons.every((reason) => reason === 'readings' || ESTIMATE_REASONS.has(reason));
    const isSmall = state.newVersionRows <= state.versionRows * MERGE_AT_MOST;
    return onlyReadings && isSmall ? 'merge' : 'curate';
}

// to open the files of all partitions of a job for each of them costs as much as some ten thousand rows
const LARGE_MERGE_ROWS = 100_000;

/** A merge whose rows an engine writes partition by partition as they lie in the previous files, and never holds. */
export function isLargeMerge(
    { kind, versionRows }: Pick<PlannedRebuild, 'kind' | 'versionRows'>,
    { maxRowsTakenOver }: Pick<JobLimits, 'maxRowsTakenOver'>,
): boolean {
    const isMerge = kind === 'merge' || kind === 'estimate';
    return isMerge && versionRows >= LARGE_MERGE_ROWS && maxRowsTakenOver > 0;
}

// with other reasons a merge makes any number of channel-days anew
const COUNTED_REASONS = new Set(['readings', 'estimate windows']);

/**
 * Each new row may name another channel-day, and each gap be of another one, whose estimates are made anew because of a day beside: of all of these every
 * interval is decided again, as often as it was received.
 */
function heldRows(
    state: PartitionState,
    kind: RebuildKind,
    reasons: readonly string[],
    limits: Pick<JobLimits, 'maxRowsTakenOver'>,
): number {
    const { versionRows, newVersionRows, expectedIntervals, channelIntervals, published } = state;
    const all = Math.max(versionRows, expectedIntervals);
    const isCounted = kind === 'merge' && reasons.every((reason) => COUNTED_REASONS.has(reason));
    if (!isCounted || !isLargeMerge({ kind, versionRows }, limits) || expectedIntervals === 0) return all;
    const times = Math.ceil(Math.max(1, versionRows / expectedIntervals));
    return Math.min(all, (newVersionRows + (published?.unread ?? 0)) * channelIntervals * times);
}

export interface JobSizes extends Pick<JobLimits, 'maxRows' | 'maxPartitions' | 'maxRowsTakenOver'> {
    /** How many jobs keep the engine busy. */
    readonly jobsAtOnce: number;
}

/**
 * Groups rebuilds into jobs that one engine session runs at a time. A job has one kind and holds at most `maxRows` rows, or those of one partition, so
 * memory is bounded by the bucket, not by the input: rows received or, where these are fewer, intervals expected, each of which may be a gap. Large
 * merges, which hold little, take over at most `maxRowsTakenOver`, and are enough jobs to keep the engine busy.
 * Jobs about estimates alone come last: they look at days that others publish.
 */
export function groupIntoJobs(rebuilds: readonly PlannedRebuild[], sizes: JobSizes): PlannedRebuild[][] {
    const jobs: PlannedRebuild[][] = [];
    const isLarge = (rebuild: PlannedRebuild) => isLargeMerge(rebuild, sizes);
    const takenOver = rebuilds.reduce((sum, r) => sum + (isLarge(r) ? r.versionRows : 0), 0);
    const share = Math.max(sizes.maxRows, takenOver / sizes.jobsAtOnce);
    const takenOverMax = Math.min(share, sizes.maxRowsTakenOver);
    const open = new Map<string, { job: PlannedRebuild[]; rows: number; takenOver: number }>();
    for (const rebuild of rebuilds) {
        const rows = Math.max(rebuild.heldRows, 1000);
        const kind = `${rebuild.kind} ${isLarge(rebuild)}`;
        const last = open.get(kind);
        const hasRoom = last && last.rows + rows <= sizes.maxRows && last.job.length < sizes.maxPartitions;
        if (hasRoom && !(isLarge(rebuild) && last.takenOver >= takenOverMax)) {
            last.job.push(rebuild);
            last.rows += rows;
            last.takenOver += rebuild.versionRows;
            continue;
        }
        const job = [rebuild];
        jobs.push(job);
        open.set(kind, { job, rows, takenOver: rebuild.versionRows });
    }
    const isLast = (job: readonly PlannedRebuild[]) => job[0]?.kind === 'estimate';
    return [...jobs.filter((job) => !isLast(job)), ...jobs.filter(isLast)];
}

/** A line a day range and reason for people: `2013-05-01 … 2013-05-31, 2 buckets: readings`. */
export function describePlan(plan: RefreshPlan): string[] {
    const groups = new Map<string, { days: CalendarDate[]; keys: Set<string>; buckets: Set<number> }>();
    for (const r of plan.rebuilds) {
        const label = `${r.kind} (${r.reasons.join(', ')})`;
        const group = groups.get(label) ?? { days: [], keys: new Set(), buckets: new Set() };
        group.days.push(r.marketDay);
        group.keys.add(partitionText(r));
        group.buckets.add(r.bucket);
        groups.set(label, group);
    }
    return [...groups].map(([label, g]) => {
        const [first, last] = [g.days[0], g.days.at(-1)];
        const days = first === last ? first : `${first} to ${last}`;
        return `${label}: ${counted(g.keys.size, 'partition')}, ${days}, ${counted(g.buckets.size, 'bucket')}`;
    });
}
