import type { CalendarDate } from '../kernel/calendar-date.ts';
import { GridtallyError } from '../kernel/errors.ts';
import { instantText } from '../kernel/period.ts';
import { namedChannels } from '../registry/named-channels.ts';
import type { Chain } from './chain.ts';
import { countsOfAdvances, withPublishedViews } from './published-views.ts';

export interface RegisterChecksQuestion {
    /** Outside identifier of a meter or a metering point; absent: all. */
    readonly meter?: string;
    /** Market days, half-open: of advances that have part of one of them. */
    readonly from?: CalendarDate;
    readonly to?: CalendarDate;
    /** Every advance, and not only those that fail a rule. */
    readonly isAll?: boolean;
}

/** An advance as it is listed; instants in UTC, energy as exact text. */
export interface ListedAdvance {
    readonly meterId: string;
    readonly meteringPointId: string;
    readonly registerId: string;
    readonly readFrom: string;
    readonly readTo: string;
    readonly startKwh: string;
    readonly endKwh: string;
    /** Estimated reads between the two, which it passes over. */
    readonly skippedReads: number;
    readonly kind: string;
    readonly advanceKwh: string | null;
    readonly intervalKwh: string | null;
    readonly differenceKwh: string | null;
    readonly expectedCount: number;
    readonly measuredCount: number;
    readonly verdict: string;
    readonly rules: readonly string[];
    readonly severity: string | null;
}

/** Advances that fail a rule. */
export interface CountedAdvances {
    readonly ruleId: string;
    readonly severity: string;
    readonly feed: string;
    readonly day: string;
    readonly advances: number;
}

export interface RegisterChecks {
    /** Advances by verdict; of all that are asked for, listed or not. */
    readonly byVerdict: Readonly<Record<string, number>>;
    readonly byRule: Readonly<Record<string, number>>;
    /** The same by rule, feed and day of the later read, as in the published `validation_counts`. */
    readonly counts: readonly CountedAdvances[];
    /** Those that fail a rule, or all; in the order of meter, register and time. */
    readonly advances: readonly ListedAdvance[];
}

/**
 * What registers counted between reads, compared with the intervals. Nothing is changed by it.
 * Throws `trace.meter-unknown`, and `usage.invalid` where the end is not after the start.
 */
export async function registerChecks(
    chain: Chain,
    question: RegisterChecksQuestion = {},
): Promise<RegisterChecks> {
    const { from, to, meter } = question;
    if (from !== undefined && to !== undefined && from >= to)
        throw new GridtallyError('usage.invalid', `${to} is not after ${from}: the end is exclusive`);
    const where = [
        ...(from === undefined ? [] : [`to_day >= date '${from}'`]),
        ...(to === undefined ? [] : [`from_day < date '${to}'`]),
        ...(meter === undefined ? [] : [`channel_no in (${(await channelsOf(chain, meter)).join(', ')})`]),
    ];
    const asked = `from register_advances where ${['true', ...where].join(' and ')}`;
    const listed = `${COLUMNS} ${asked} ${question.isAll ? '' : 'and flags is not null'}
        order by meter_id, register_id, read_from, read_to`;
    const feeds = await chain.lake.db.query<{ id: number; name: string }>(
        'select feed_id as id, name from feeds',
    );
    const names = new Map(feeds.map(({ id, name }) => [id, name]));
    return withPublishedViews(chain, { showsIdentity: false, query: listed }, async (session) => {
        const verdicts = await session.rows(`select verdict, count(*) as n ${asked} group by 1 order by 1`);
        const flags = await session.rows(
            `select flags, count(*) as n ${asked} and flags is not null group by 1 order by 1`,
        );
        const counts = await session.rows(
            `select *, cast(market_day as varchar) as day from (${countsOfAdvances(`(select * ${asked}) as a`)}) as c
              order by rule_id, severity, feed_id, market_day`,
        );
        const rows = await session.rows(listed);
        return {
            byVerdict: Object.fromEntries(verdicts.map((row) => [String(row.verdict), Number(row.n)])),
            byRule: countedByRule(flags.map((row) => [String(row.flags), Number(row.n)])),
            counts: counts.map((row) => ({
                ruleId: String(row.rule_id),
                severity: String(row.severity),
                feed: names.get(Number(row.feed_id)) ?? '',
                day: String(row.day),
                advances: Number(row.channel_days),
            })),
            advances: rows.map((row): ListedAdvance => {
                const text = (name: string) => (row[name] === null ? null : String(row[name]));
                return {
                    meterId: String(row.meter_id),
                    meteringPointId: String(row.metering_point_id),
                    registerId: String(row.register_id),
                    readFrom: instantText(Number(row.from_ms)),
                    readTo: instantText(Number(row.to_ms)),
                    startKwh: String(row.start_kwh),
                    endKwh: String(row.end_kwh),
                    skippedReads: Number(row.skipped_reads),
                    kind: String(row.kind),
                    advanceKwh: text('advance_kwh'),
                    intervalKwh: text('interval_kwh'),
                    differenceKwh: text('difference_kwh'),
                    expectedCount: Number(row.expected_count),
                    measuredCount: Number(row.measured_count),
                    verdict: String(row.verdict),
                    rules: text('flags')?.split(',') ?? [],
                    severity: text('severity'),
                };
            }),
        };
    });
}

/** One that fails several rules is counted with each. */
function countedByRule(flags: readonly (readonly [string, number])[]): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const [rules, n] of flags)
        for (const rule of rules.split(',')) counts[rule] = (counts[rule] ?? 0) + n;
    return counts;
}

const COLUMNS = 'select *, epoch_ms(read_from) as from_ms, epoch_ms(read_to) as to_ms';

async function channelsOf({ lake }: Chain, meter: string): Promise<number[]> {
    const { channels } = await namedChannels(lake.db, meter);
    if (channels.length > 0) return channels.map(({ channelNo }) => channelNo);
    const message = `nothing is known of a meter or metering point ${JSON.stringify(meter)}`;
    throw new GridtallyError('trace.meter-unknown', message);
}
