import { LAKE_TABLES } from '../contracts/lake-tables.ts';
import type { EngineRow, EngineSession } from '../engine/engine.ts';
import { addDays, type CalendarDate, calendarDate, type DatePeriod } from '../kernel/calendar-date.ts';
import { GridtallyError } from '../kernel/errors.ts';
import { marketDayPeriod } from '../kernel/market-day.ts';
import { instantText, parseInstant } from '../kernel/period.ts';
import type { Zone } from '../kernel/zone.ts';
import { distinctPaths, liveFiles } from '../lake/catalogue.ts';
import { type Lake, partitionText } from '../lake/lake.ts';
import { useLake } from '../lake/lake-use.ts';
import { readPublishedEstimates } from '../lake/published-estimates.ts';
import { curationRules, registrationOf } from '../lake/refresh-state.ts';
import {
    attributesOf,
    OWN_DAY_SCOPES,
    settingsFingerprints,
    validatingAttributes,
} from '../lake/validation-inputs.ts';
import { decideAgain } from '../lake/version-history.ts';
import type { NamedChannels } from '../registry/named-channels.ts';
import { withEstimates } from '../trace/traced-estimate.ts';
import { type PublishedTotals, type TracedDay, traceDays } from '../trace/traced-total.ts';
import { type Chain, feedsOf, precedenceOf } from './chain.ts';
import { traceEstimates } from './estimate-trace.ts';
import { traceWithLines, wantedRows } from './reading-history.ts';
import { readSourceLines } from './source-lines.ts';

/** Channel-days whose published numbers are taken apart. */
export interface TotalQuestion {
    readonly named: NamedChannels;
    /** Local days, half-open. */
    readonly days: DatePeriod;
    /** False: files and lines are left out, and no payload is read. */
    readonly readsLines: boolean;
    /** What estimates were made of; `sums`: of what was measured between reads of registers only sums of days. Absent: nothing of it. */
    readonly inputs?: 'all' | 'sums';
}

// a refresh that commits between two looks is met once, by a busy home perhaps twice
const LOOKS_MAX = 5;
const HOUR_MS = 3_600_000;
const REGISTRATION = registrationOf('k');
const ATTRIBUTES = attributesOf('k', '$5');

/**
 * Takes the published days of the channels apart: hours, intervals, versions, payloads and lines. Only files of these partitions are read, and
 * only payloads that one of the versions came in. Throws `trace.stale` where readings came since the last refresh, and
 * `trace.does-not-add-up`.
 */
export async function traceTotals(chain: Chain, question: TotalQuestion): Promise<TracedDay[]> {
    return useLake(chain.lake, async (lake) => {
        for (let look = 1; ; look += 1) {
            const before = await publishedVersions({ ...chain, lake }, question);
            const work = () => traceOnce({ ...chain, lake }, question);
            const [traced] = await Promise.allSettled([work()]);
            const isOfOneMoment = before === (await publishedVersions({ ...chain, lake }, question));
            if (!isOfOneMoment && look < LOOKS_MAX) continue;
            if (traced?.status === 'fulfilled') return traced.value;
            throw traced?.reason;
        }
    });
}

interface PublishedPartition {
    readonly marketDay: CalendarDate;
    readonly bucket: number;
    readonly version: number;
    readonly isStale: boolean;
    /** Fingerprint of the settings that it was validated by; null: nothing is published. */
    readonly validation: string | null;
}

/** The versions of the partitions concerned, as text. Throws `trace.stale` where one is not published from what is there. */
async function publishedVersions(chain: Chain, { named, days }: TotalQuestion): Promise<string> {
    const { lake } = chain;
    const { curation } = curationRules(lake, precedenceOf(await feedsOf(chain)).intervals);
    const rows = await lake.db.query<PublishedPartition>(
        `select k.market_day as "marketDay", k.bucket, coalesce(p.version, 0) as version,
                (coalesce(v.version, 0)::text, $4, ${REGISTRATION}, ${ATTRIBUTES}) is distinct from
                (coalesce(p.inputs ->> 'versions', '0'), p.inputs ->> 'curation', p.inputs ->> 'registration', p.inputs ->> 'attributes')
                    as "isStale", p.inputs ->> 'validation' as validation
           from (select distinct market_day, bucket from partitions
                  where table_name in ('reading_versions', 'reads_interval') and bucket = any($1) and market_day >= $2 and market_day < $3) k
                left join partitions v on v.table_name = 'reading_versions' and v.market_day = k.market_day and v.bucket = k.bucket
                left join partitions p on p.table_name = 'reads_interval' and p.market_day = k.market_day and p.bucket = k.bucket
          order by 1, 2`,
        [bucketsOf(lake, named), days.from, days.to, curation, validatingAttributes(lake)],
    );
    const validationOf = await settingsFingerprints(lake, lake.db, OWN_DAY_SCOPES);
    const stale = rows.filter((row) => row.isStale || row.validation !== validationOf(row));
    if (stale.length > 0) {
        const faults = stale.map((row) => ({ message: `partition ${partitionText(row)} is not refreshed` }));
        throw new GridtallyError(
            'trace.stale',
            'what is published is older than readings, registrations or rules',
            {
                faults,
            },
        );
    }
    return rows.map((row) => `${partitionText(row)} ${row.version}`).join('\n');
}

function bucketsOf(lake: Lake, { channels }: NamedChannels): number[] {
    return [...new Set(channels.map(({ channelNo }) => Math.floor(channelNo / lake.bucketSize)))];
}

async function traceOnce(chain: Chain, question: TotalQuestion): Promise<TracedDay[]> {
    const { lake } = chain;
    const { named, days, readsLines, inputs } = question;
    const period = {
        from: marketDayPeriod(lake.zone, days.from).from,
        to: marketDayPeriod(lake.zone, days.to).from,
    };
    const session = await lake.engine.openSession();
    try {
        const published = await readPublished(session, lake, named, days);
        const feeds = precedenceOf(await feedsOf(chain)).intervals;
        const versions = await decideAgain(session, lake, { channels: named.channels, feeds, period });
        // what stands outside its channel's validity counts elsewhere
        const inside = versions.filter(({ outcome }) => outcome !== 'outside');
        const names = [...new Set([...named.namesOf.values()].flatMap((ofChannel) => [...ofChannel]))];
        const sources = await readSourceLines(chain, readsLines ? wantedRows(inside, named) : [], names);
        const entries = new Map(named.channels.map((entry) => [entry.channelNo, entry]));
        const naming = (channelNo: number) => {
            const { meterId = '', meteringPointId = '', registerId = '' } = entries.get(channelNo) ?? {};
            return { meterId, meteringPointId, registerId };
        };
        const estimates = await readPublishedEstimates(session, lake, [...entries.keys()], days);
        const isFolded = inputs === 'sums';
        const made =
            inputs === undefined
                ? undefined
                : await traceEstimates(session, chain, estimates, { named, readsLines, isFolded });
        return traceDays({
            published,
            intervals: withEstimates(
                traceWithLines(inside, named, sources),
                estimates,
                naming,
                made?.inputsOf,
            ),
            spans: made?.spans ?? [],
            hourOf: (interval) => hourOf(lake.zone, interval),
            naming,
        });
    } finally {
        await session.close();
    }
}

/** Hours are counted from the first instant of the local day. */
function hourOf(zone: Zone, { marketDay, periodFrom }: { marketDay: string; periodFrom: string }): string {
    const { from } = marketDayPeriod(zone, calendarDate(marketDay));
    const hourNo = Math.floor((parseInstant(periodFrom) - from) / HOUR_MS);
    return instantText(from + hourNo * HOUR_MS);
}

async function readPublished(
    session: EngineSession,
    lake: Lake,
    named: NamedChannels,
    days: DatePeriod,
): Promise<PublishedTotals> {
    const buckets = new Set(bucketsOf(lake, named));
    const numbers = [...new Set(named.channels.map(({ channelNo }) => channelNo))];
    const select = async (table: 'reads_interval' | 'reads_hourly' | 'reads_daily', instant: string) => {
        const files = (await liveFiles(lake, table, days)).filter(({ bucket }) => buckets.has(bucket));
        await session.registerFiles(`published_${table}`, LAKE_TABLES[table], distinctPaths(files));
        const at = instant === '' ? '' : `, epoch_ms(${instant}) as instant_ms`;
        return session.rows(
            `select *, cast(market_day as varchar) as day${at} from published_${table}
              where channel_no in (${numbers.join(', ') || 'null'}) and market_day >= date '${days.from}' and market_day < date '${days.to}'
              order by channel_no, market_day${instant === '' ? '' : `, ${instant}`}`,
        );
    };
    return {
        intervals: (await select('reads_interval', 'period_from')).map((row) => ({
            ...placeOf(row),
            periodFrom: instantText(Number(row.instant_ms)),
            kwh: String(row.kwh),
            quality: String(row.quality),
        })),
        hours: (await select('reads_hourly', 'hour_from')).map((row) => ({
            ...placeOf(row),
            hourFrom: instantText(Number(row.instant_ms)),
            kwh: row.kwh === null ? null : String(row.kwh),
            expectedCount: Number(row.expected_count),
            missingCount: Number(row.missing_count),
        })),
        days: (await select('reads_daily', '')).map((row) => ({
            ...placeOf(row),
            kwh: row.kwh === null ? null : String(row.kwh),
            expectedCount: Number(row.expected_count),
            measuredCount: Number(row.measured_count),
            estimatedCount: Number(row.estimated_count),
            missingCount: Number(row.missing_count),
        })),
    };
}

function placeOf(row: EngineRow): { channelNo: number; marketDay: string } {
    return { channelNo: Number(row.channel_no), marketDay: String(row.day) };
}

/** The day alone, as a half-open period. */
export function onlyDay(day: CalendarDate): DatePeriod {
    return { from: day, to: addDays(day, 1) };
}
