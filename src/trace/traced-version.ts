import { instantText } from '../kernel/period.ts';
import type { GapEstimate } from '../lake/published-estimates.ts';
import type { DecidedVersion, VersionOutcome } from '../lake/version-history.ts';
import { explainVersions, type FeedStanding, type ReasonCode } from './version-reasons.ts';

/** Where a row came from: a line of a payload, and the receipt of the payload. */
export interface SourceLine {
    readonly feed: string;
    /** Null where the payload was not read. */
    readonly sourceKey: string | null;
    /** In the decompressed text, from 1; null where the payload as its contract reads it has no such row. */
    readonly line: number | null;
    readonly text: string | null;
    readonly receiptId: string;
    /** UTC, as `2013-05-01T00:00:00Z`. */
    readonly receivedAt: string;
    /** What the line says, for comparison; null: no value. Absent where no payload was read. */
    readonly lineKwh?: string | null;
}

/** A version of an interval as people see it. */
export interface TracedVersion extends SourceLine {
    readonly kwh: string | null;
    readonly quality: string;
    readonly sourceCode: string | null;
    readonly versionStamp: number | null;
    readonly outcome: VersionOutcome;
    readonly isConflict: boolean;
    /** Rules of validation that the version fails; only of the one that goes before the others. */
    readonly failedRules: readonly string[];
    readonly reason: ReasonCode;
    readonly why: string;
}

/** An interval of a channel with all of its versions, the winning one first. */
export interface TracedInterval {
    readonly meterId: string;
    readonly meteringPointId: string;
    readonly registerId: string;
    readonly channelNo: number;
    readonly marketDay: string;
    readonly periodFrom: string;
    readonly minutes: number;
    /** What these versions give, by the rules of today, or what was estimated; null: the interval is missing. */
    readonly kwh: string | null;
    readonly quality: string;
    readonly versions: readonly TracedVersion[];
    /** How it was estimated, where no version gives a value. */
    readonly estimate: GapEstimate | null;
    /** Measured intervals that the estimate, or its part of a shape, was made of; only where a trace asked for them. */
    readonly inputs?: readonly TracedInterval[];
}

/** How the outside knows a channel. */
export interface ChannelNaming {
    readonly meterId: string;
    readonly meteringPointId: string;
    readonly registerId: string;
}

export interface TracingSources {
    standing(feedId: number): FeedStanding;
    naming(channelNo: number): ChannelNaming;
    lineOf(version: DecidedVersion): SourceLine;
}

/** Puts versions, given in the order of channel, interval and place, together by interval, each with where it came from and why it won or lost. */
export function traceIntervals(
    versions: readonly DecidedVersion[],
    sources: TracingSources,
): TracedInterval[] {
    const byInterval = Map.groupBy(versions, ({ channelNo, periodFrom }) => `${channelNo} ${periodFrom}`);
    return [...byInterval.values()].flatMap((ofInterval) => {
        const first = ofInterval[0];
        return first === undefined ? [] : [tracedInterval(first, ofInterval, sources)];
    });
}

function tracedInterval(
    first: DecidedVersion,
    versions: readonly DecidedVersion[],
    sources: TracingSources,
): TracedInterval {
    const reasons = explainVersions(versions, sources.standing);
    const winner = versions.find(({ outcome }) => outcome === 'winning');
    return {
        ...sources.naming(first.channelNo),
        channelNo: first.channelNo,
        marketDay: first.marketDay,
        periodFrom: instantText(first.periodFrom),
        minutes: first.minutes,
        kwh: winner?.kwh ?? null,
        quality: winner?.quality ?? 'missing',
        estimate: null,
        versions: versions.map((version, i): TracedVersion => {
            const { code, why } = reasons[i] ?? { code: 'only', why: '' };
            return {
                kwh: version.kwh,
                quality: version.quality,
                sourceCode: version.sourceCode,
                versionStamp: version.versionStamp,
                outcome: version.outcome,
                isConflict: version.isConflict,
                failedRules: version.failedRules,
                reason: code,
                why,
                ...sources.lineOf(version),
            };
        }),
    };
}
