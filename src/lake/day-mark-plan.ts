import type { ValidationPolicy } from '../contracts/validation-rules.ts';
import { addDays, type CalendarDate } from '../kernel/calendar-date.ts';
import { counted } from '../kernel/counted.ts';
import { fingerprint } from '../kernel/hash.ts';
import type { PairedChannel } from './check-pairs.ts';
import { type PartitionKey, partitionText } from './lake.ts';
import { largestOf } from './validation-inputs.ts';

/** What the day marks of a partition were made from, as recorded with them. */
export interface DayMarkInputs {
    /** Versions of `reads_daily`: of the day itself, and of the same weekday in the weeks before, newest first; 0: nothing is published. */
    readonly weeks: readonly number[];
    /** Of the days before it, newest first; 0 where no channel of the partition has an estimate, or where this day has none: then none is looked at. */
    readonly run: readonly number[];
    /** Check meters of channels of the partition, with the versions of the partitions that they are in; empty: there are none. */
    readonly checks: string;
    readonly settings: string;
    readonly attributes: string;
    readonly model: string;
}

/** A partition of `reads_daily`, and what is published of its marks. */
export interface DailyPartition extends PartitionKey {
    readonly version: number;
    readonly rowCount: number;
    readonly hasEstimates: boolean;
    /** Channels of its main meters and of those that check them. */
    readonly pairs: readonly PairedChannel[];
    readonly settings: string;
    readonly attributes: string;
    readonly published?: { readonly version: number; readonly inputs: DayMarkInputs };
}

export interface PlannedDayMarks extends PartitionKey {
    readonly inputs: DayMarkInputs;
    readonly publishedVersion: number;
    readonly rowCount: number;
    readonly reasons: readonly string[];
    /** Buckets of the check meters. */
    readonly checkBuckets: readonly number[];
}

/** How far back the rules look, in weeks and in days; 0: no metering point has the rule. */
export interface LookBack {
    readonly weeks: number;
    readonly days: number;
}

export function lookBackOf(policy: ValidationPolicy): LookBack {
    return {
        weeks: largestOf(policy, 'vee.high-low', 'weeks') / 1000,
        days: largestOf(policy, 'vee.prolonged-estimation', 'days') / 1000,
    };
}

/**
 * Decides, without any I/O, of which partitions the day marks are stale: those made from other versions of the days that they look at, by other
 * settings or by another model. Partitions of `rebuilt` will have a new version first.
 */
export function planDayMarks(
    partitions: readonly DailyPartition[],
    back: LookBack,
    { model, bucketSize }: { readonly model: string; readonly bucketSize: number },
    rebuilt: readonly PartitionKey[] = [],
): PlannedDayMarks[] {
    const coming = new Set(rebuilt.map(partitionText));
    const byKey = new Map(partitions.map((p) => [partitionText(p), p]));
    const isOff = back.weeks === 0 && back.days === 0;
    const versionOf = (key: PartitionKey) => byKey.get(partitionText(key))?.version ?? 0;
    const planned: PlannedDayMarks[] = [];
    for (const partition of partitions) {
        const { published } = partition;
        if (isOff && published === undefined && partition.pairs.length === 0) continue;
        const at = (daysBefore: number) => earlier(byKey, partition, daysBefore);
        const looked = [0, ...range(back.weeks).map((n) => 7 * n)];
        const inputs: DayMarkInputs = {
            weeks: looked.map((n) => at(n)?.version ?? 0),
            run: range(back.days).map((n) => {
                const before = partition.hasEstimates ? at(n) : undefined;
                return before?.hasEstimates ? before.version : 0;
            }),
            checks: checksOf(partition, bucketSize, versionOf),
            settings: partition.settings,
            attributes: partition.attributes,
            model,
        };
        const checkBuckets = bucketsOf(partition.pairs, bucketSize);
        const runDays = range(back.days).filter((_, i) => inputs.run[i] !== 0);
        const isComing =
            [...looked, ...runDays].some((n) => coming.has(keyBefore(partition, n))) ||
            checkBuckets.some((bucket) => coming.has(partitionText({ ...partition, bucket })));
        const reasons = staleReasons(published?.inputs, inputs, isComing);
        if (reasons.length === 0) continue;
        const { marketDay, bucket, rowCount } = partition;
        planned.push({
            marketDay,
            bucket,
            rowCount,
            inputs,
            reasons,
            checkBuckets,
            publishedVersion: published?.version ?? 0,
        });
    }
    return planned.sort((a, b) => a.bucket - b.bucket || (a.marketDay < b.marketDay ? -1 : 1));
}

function staleReasons(was: DayMarkInputs | undefined, now: DayMarkInputs, isComing: boolean): string[] {
    if (was === undefined) return ['new'];
    const reasons: string[] = [];
    const isSame = (a: readonly number[], b: readonly number[]) => a.join() === b.join();
    if (isComing || !isSame(was.weeks, now.weeks) || !isSame(was.run, now.run)) reasons.push('days');
    if ((was.checks ?? '') !== now.checks) reasons.push('check meters');
    if (was.settings !== now.settings) reasons.push('validation settings');
    if (was.attributes !== now.attributes) reasons.push('attributes');
    if (was.model !== now.model) reasons.push('rules');
    return reasons;
}

function bucketsOf(pairs: readonly PairedChannel[], bucketSize: number): number[] {
    const buckets = new Set(pairs.map(({ channelNo }) => Math.floor(channelNo / bucketSize)));
    return [...buckets].sort((a, b) => a - b);
}

function checksOf(
    { marketDay, pairs }: DailyPartition,
    bucketSize: number,
    versionOf: (key: PartitionKey) => number,
): string {
    if (pairs.length === 0) return '';
    const channels = pairs.map((p) => [p.pair, p.channelNo, p.isCheck]);
    const buckets = bucketsOf(pairs, bucketSize);
    const versions = buckets.map((bucket) => [bucket, versionOf({ marketDay, bucket })]);
    return fingerprint({ channels, versions }).slice(0, 16);
}

/** A line a reason for people: `marks beside other days (days): 5 partitions, 2013-05-01 to 2013-05-29`. */
export function describeMarks(planned: readonly PlannedDayMarks[]): string[] {
    const byReason = Map.groupBy(planned, ({ reasons }) => reasons.join(', '));
    return [...byReason].map(([reasons, of]) => {
        const days = of.map(({ marketDay }) => marketDay).sort();
        const count = counted(of.length, 'partition');
        return `marks beside other days (${reasons}): ${count}, ${days[0]} to ${days.at(-1)}`;
    });
}

function range(count: number): number[] {
    return Array.from({ length: count }, (_, i) => i + 1);
}

function keyBefore({ marketDay, bucket }: PartitionKey, days: number): string {
    return partitionText({ marketDay: addDays(marketDay, -days), bucket });
}

function earlier(
    byKey: ReadonlyMap<string, DailyPartition>,
    key: PartitionKey,
    days: number,
): DailyPartition | undefined {
    return byKey.get(keyBefore(key, days));
}

/** The partitions of `reads_daily` that a job reads: those to be marked, and the days before them. */
export function windowOf(marked: readonly PlannedDayMarks[], back: LookBack): Set<string> {
    const days = [0, ...range(back.weeks).map((n) => 7 * n), ...range(back.days)];
    const before = marked.flatMap((key) => days.map((n) => keyBefore(key, n)));
    const checks = marked.flatMap(({ marketDay, checkBuckets }) =>
        checkBuckets.map((bucket) => partitionText({ marketDay, bucket })),
    );
    return new Set([...before, ...checks]);
}

/** The first market day that a job reads. */
export function windowFrom(marked: readonly PartitionKey[], back: LookBack): CalendarDate | undefined {
    const first = marked.map((key) => key.marketDay).sort()[0];
    return first === undefined ? undefined : addDays(first, -Math.max(7 * back.weeks, back.days));
}

const ROWS_OF_A_JOB = 1_000_000;
const PARTITIONS_OF_A_JOB = 64;

/** Partitions of one bucket follow each other, so that a job reads the days before them once. */
export function groupMarkJobs(planned: readonly PlannedDayMarks[]): PlannedDayMarks[][] {
    const jobs: PlannedDayMarks[][] = [];
    let rows = 0;
    for (const one of planned) {
        const job = jobs.at(-1);
        rows += one.rowCount;
        if (job !== undefined && rows <= ROWS_OF_A_JOB && job.length < PARTITIONS_OF_A_JOB) job.push(one);
        else {
            jobs.push([one]);
            rows = one.rowCount;
        }
    }
    return jobs;
}
