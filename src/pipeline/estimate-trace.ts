import type { EngineSession } from '../engine/engine.ts';
import { addDays, type CalendarDate, listDays } from '../kernel/calendar-date.ts';
import { formatDecimal } from '../kernel/decimal.ts';
import { GridtallyError, type InputFault } from '../kernel/errors.ts';
import { marketDayOf } from '../kernel/market-day.ts';
import { parseInstant } from '../kernel/period.ts';
import { estimationRules, readHolidays } from '../lake/estimation-inputs.ts';
import type { PublishedEstimate } from '../lake/published-estimates.ts';
import { decideReadsAgain } from '../lake/register-history.ts';
import { decideAgain } from '../lake/version-history.ts';
import type { NamedChannels } from '../registry/named-channels.ts';
import {
    chooseInputs,
    type InputRules,
    inputInstants,
    isSameKwh,
    recomputed,
    spanDays,
    sumOf,
    type TracedSpan,
} from '../trace/estimate-inputs.ts';
import type { TracedInterval } from '../trace/traced-version.ts';
import { type Chain, feedsOf, precedenceOf } from './chain.ts';
import { traceWithLines, wantedRows } from './reading-history.ts';
import { readSourceLines } from './source-lines.ts';

export interface InputQuestion {
    readonly named: NamedChannels;
    readonly readsLines: boolean;
    /** Whether what was measured between reads of registers is told as sums of days. */
    readonly isFolded: boolean;
}

export interface EstimateInputs {
    inputsOf(estimate: PublishedEstimate): readonly TracedInterval[];
    readonly spans: readonly TracedSpan[];
}

/**
 * What published estimates were made of: the measured intervals, and the reads of registers with what was measured between them, each with versions, payloads and lines.
 * Throws `trace.stale` where they do not give the estimates: they have changed since, or the rules have.
 */
export async function traceEstimates(
    session: EngineSession,
    chain: Chain,
    estimates: readonly PublishedEstimate[],
    question: InputQuestion,
): Promise<EstimateInputs> {
    if (estimates.length === 0) return { inputsOf: () => [], spans: [] };
    const { lake } = chain;
    const { likeDaysOf } = estimationRules(lake, undefined, await readHolidays(lake, lake.db));
    const rules: InputRules = { zone: lake.zone, likeDays: lake.estimation.likeDays, likeDaysOf };
    const instants = new Map(estimates.map((one) => [one, inputInstants(rules, one)]));
    const spans = spansOf(estimates);
    const read = await readInputs(
        session,
        chain,
        { instants: [...instants.values()].flat(), spans },
        question,
    );
    const found = new Map(read.intervals.map((one) => [`${one.channelNo} ${one.periodFrom}`, one]));
    const inputs = new Map(
        estimates.map((one) => {
            const there = (instants.get(one) ?? []).flatMap(
                (at) => found.get(`${one.channelNo} ${at}`) ?? [],
            );
            return [one, chooseInputs(rules, one, there)];
        }),
    );
    const traced = spans.map((span) => tracedSpan(span, read, question.isFolded));
    requireRecomputed(inputs, traced);
    return { inputsOf: (one) => inputs.get(one) ?? [], spans: traced };
}

type Span = Omit<TracedSpan, 'reads' | 'days'>;

function spansOf(estimates: readonly PublishedEstimate[]): Span[] {
    const spans = new Map<string, Span>();
    for (const { channelNo, estimate } of estimates) {
        if (estimate.advance === null) continue;
        const { shape: _, ...advance } = estimate.advance;
        spans.set(`${channelNo} ${advance.readFrom}`, { channelNo, ...advance });
    }
    return [...spans.values()];
}

interface ReadInputs {
    readonly intervals: readonly TracedInterval[];
    readonly reads: readonly TracedInterval[];
}

/** Only the days of these instants, and those between the reads, are looked at. */
async function readInputs(
    session: EngineSession,
    chain: Chain,
    { instants, spans }: { readonly instants: readonly string[]; readonly spans: readonly Span[] },
    { named, readsLines }: InputQuestion,
): Promise<ReadInputs> {
    const { lake } = chain;
    const feeds = precedenceOf(await feedsOf(chain));
    const { channels } = named;
    const ofSpan = ({ readFrom, readTo }: Span) =>
        listDays({
            from: marketDayOf(lake.zone, parseInstant(readFrom)),
            to: addDays(marketDayOf(lake.zone, parseInstant(readTo) - 1), 1),
        });
    const days = new Set<CalendarDate>([
        ...instants.map((at) => marketDayOf(lake.zone, parseInstant(at))),
        ...spans.flatMap(ofSpan),
    ]);
    const versions = (
        await decideAgain(session, lake, { channels, feeds: feeds.intervals, days: [...days].sort() })
    ).filter(({ outcome }) => outcome !== 'outside');
    const ends = spans.flatMap(({ readFrom, readTo }) => [parseInstant(readFrom), parseInstant(readTo)]);
    const period = { from: Math.min(...ends), to: Math.max(...ends) + 1 };
    const reads =
        ends.length === 0
            ? []
            : await decideReadsAgain(session, lake, { channels, feeds: feeds.registers, period });
    const names = [...new Set([...named.namesOf.values()].flatMap((ofChannel) => [...ofChannel]))];
    const wanted = readsLines ? wantedRows([...versions, ...reads], named) : [];
    const sources = await readSourceLines(chain, wanted, names);
    return {
        intervals: traceWithLines(versions, named, sources),
        reads: traceWithLines(reads, named, sources),
    };
}

function tracedSpan(span: Span, { intervals, reads }: ReadInputs, isFolded: boolean): TracedSpan {
    const { channelNo, readFrom, readTo } = span;
    const measured = intervals.filter(
        (one) =>
            one.channelNo === channelNo &&
            one.kwh !== null &&
            one.quality === 'measured' &&
            readFrom <= one.periodFrom &&
            one.periodFrom < readTo,
    );
    const within = reads.filter(
        (one) => one.channelNo === channelNo && readFrom <= one.periodFrom && one.periodFrom <= readTo,
    );
    return { ...span, reads: within, days: spanDays(measured, isFolded) };
}

function requireRecomputed(
    inputs: ReadonlyMap<PublishedEstimate, readonly TracedInterval[]>,
    spans: readonly TracedSpan[],
): void {
    const faults: InputFault[] = [];
    for (const [one, made] of inputs) {
        const value = recomputed(one, made);
        if (value === undefined || isSameKwh(value, one.kwh)) continue;
        faults.push({
            message: `${one.periodFrom}: ${one.kwh} kWh is published as ${one.estimate.method}, its inputs give ${value}`,
        });
    }
    for (const { readFrom, readTo, measuredKwh, days } of spans) {
        const sum = formatDecimal(sumOf(days));
        if (!isSameKwh(sum, measuredKwh))
            faults.push({
                message: `from ${readFrom} to ${readTo}: ${measuredKwh} kWh were measured when gaps were estimated, and ${sum} are now`,
            });
    }
    if (faults.length > 0)
        throw new GridtallyError('trace.stale', 'estimates are older than what they were made of', {
            faults,
        });
}
