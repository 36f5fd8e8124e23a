import type { Measured, NaiveAdvance } from './naive-estimates.ts';
import { HALF_HOUR } from './validation-world.ts';

/** A read of a register in whole millionths, as it is shown. */
export interface ShownRead {
    readonly at: number;
    readonly index: bigint;
    readonly quality: 'measured' | 'estimated';
}

export interface NaiveRegister {
    readonly digits?: number;
    /** In ten-thousandths; 10,000 unless told. */
    readonly multiplier?: bigint;
    readonly watts: bigint;
    /** Whether that is the rated power of its metering point, or what is taken where that is unknown. */
    readonly isRated: boolean;
}

export interface NaiveSpan {
    readonly from: number;
    readonly to: number;
    readonly skipped: number;
    readonly kind: 'normal' | 'rollover' | 'reverse' | 'unsettled';
    /** Millionths of a kWh. */
    readonly advance: bigint | undefined;
    readonly isMeasured: boolean;
    readonly hasSurplusDigits: boolean;
    readonly exceedsRating: boolean;
}

/** What docs/register-readings.md says of the reads of one channel, in the order of time, written a second time: a pair at a time. */
export function naiveSpans(reads: readonly ShownRead[], register: NaiveRegister): NaiveSpan[] {
    const found: NaiveSpan[] = [];
    let measured: number | undefined;
    for (const [i, read] of reads.entries()) {
        const before = reads[i - 1];
        if (before !== undefined) found.push(spanOf(before, read, 0, register));
        if (read.quality === 'estimated') continue;
        const last = measured === undefined ? undefined : reads[measured];
        if (measured !== undefined && last !== undefined && i - measured > 1)
            found.push(spanOf(last, read, i - measured - 1, register));
        measured = i;
    }
    return found.sort((a, b) => a.from - b.from || a.to - b.to);
}

function spanOf(
    start: ShownRead,
    end: ShownRead,
    skipped: number,
    { digits, multiplier = 10_000n, watts, isRated }: NaiveRegister,
): NaiveSpan {
    const energy = (index: bigint) => (2n * index * multiplier + 10_000n) / 20_000n;
    const minutes = BigInt(Math.ceil((end.at - start.at) / 60_000));
    const mostWh = (watts * minutes) / 60n;
    const isPossible = (index: bigint) => index * multiplier <= mostWh * 1000n * 10_000n;
    const isMeasured = start.quality === 'measured' && end.quality === 'measured';
    const range = digits === undefined ? undefined : 1_000_000n * 10n ** BigInt(digits);
    const span = (kind: NaiveSpan['kind'], advance?: bigint): NaiveSpan => ({
        ...{ from: start.at, to: end.at, skipped, kind, advance, isMeasured },
        hasSurplusDigits: range !== undefined && (start.index >= range || end.index >= range),
        exceedsRating:
            isRated &&
            isMeasured &&
            advance !== undefined &&
            advance * 60n * 100n > watts * minutes * 1000n * 110n,
    });
    const rise = end.index - start.index;
    const difference = energy(end.index) - energy(start.index);
    if (!isMeasured) return rise >= 0n && isPossible(rise) ? span('normal', difference) : span('unsettled');
    if (rise >= 0n) return span('normal', difference);
    if (range === undefined || start.index >= range || rise + range < 0n || !isPossible(rise + range))
        return span('reverse');
    return span('rollover', difference + energy(range));
}

/** To which gaps may be scaled. */
export function advancesOf(spans: readonly NaiveSpan[]): NaiveAdvance[] {
    return spans.flatMap(({ from, to, advance, isMeasured, hasSurplusDigits, exceedsRating }) =>
        isMeasured && advance !== undefined && !hasSurplusDigits && !exceedsRating
            ? [{ from, to, micro: Number(advance) }]
            : [],
    );
}

export interface NaiveVerdict {
    readonly verdict: string;
    readonly expected: number;
    readonly measured: number;
    /** Millionths of a kWh. */
    readonly off?: bigint;
}

/** Whether half-hours add up to an advance; `published` has every value, estimated or not. */
export function naiveVerdict(span: NaiveSpan, measured: Measured, published: Measured): NaiveVerdict {
    if (span.kind === 'reverse') return { verdict: 'reverse', expected: 0, measured: 0 };
    const starts: number[] = [];
    if (span.advance !== undefined)
        for (let at = Math.ceil(span.from / HALF_HOUR) * HALF_HOUR; at < span.to; at += HALF_HOUR)
            starts.push(at);
    const known = starts.flatMap((at) => measured.get(at) ?? []);
    const counts = { expected: starts.length, measured: known.length };
    if (!span.isMeasured) return { verdict: 'estimated-read', ...counts };
    if (starts.length === 0 || known.length < starts.length) return { verdict: 'incomplete', ...counts };
    const advance = span.advance ?? 0n;
    const off = known.reduce((sum, micro) => sum + BigInt(micro), 0n) - advance;
    const far = off < 0n ? -off : off;
    const cut = [span.from, span.to].map((at) =>
        at % HALF_HOUR === 0 ? 0 : (published.get(Math.floor(at / HALF_HOUR) * HALF_HOUR) ?? 0),
    );
    const isNear =
        far * BigInt(starts.length) <= advance || far <= BigInt(Math.max(...cut)) || far * 200n <= advance;
    return { verdict: isNear ? 'passed' : 'failed', ...counts, off };
}

/** By default, in the order of names. */
export function naiveRules(
    { skipped, kind, hasSurplusDigits, exceedsRating }: NaiveSpan,
    verdict: string,
): string[] {
    return [
        ...(hasSurplusDigits && skipped === 0 ? ['vee.register-digits'] : []),
        ...(exceedsRating ? ['vee.register-maximum'] : []),
        ...(kind === 'reverse' ? ['vee.reverse-register'] : []),
        ...(verdict === 'failed' ? ['vee.sum-check'] : []),
    ];
}
