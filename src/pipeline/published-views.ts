import { CHANNEL_SNAPSHOT, LAKE_TABLES, type LakeTable } from '../contracts/lake-tables.ts';
import type { EngineSession } from '../engine/engine.ts';
import { registerAsOf } from '../lake/as-of.ts';
import { channelRow } from '../lake/channel-row.ts';
import { PUBLISHED_TABLES } from '../lake/curation-job.ts';
import type { Lake } from '../lake/lake.ts';
import { useLake } from '../lake/lake-use.ts';
import { compareAdvances, type SpanInputs, spanRegisters } from '../lake/register-advances.ts';
import { decideRegisterReads, type RegisterFeed } from '../lake/register-reads.ts';
import { knownBy } from '../lake/watermark.ts';
import { type CatalogueLook, type LookedChannels, lookAtCatalogue, type Wants } from './catalogue-look.ts';
import { type Chain, feedsOf, precedenceOf } from './chain.ts';
import { isWanted, RELATIONS, type ViewOptions } from './published-relations.ts';

interface PublishedView {
    readonly text: string;
    /** Tables of files that the text names as `lake_<table>`. */
    readonly reads: readonly LakeTable[];
    readonly namesChannels: boolean;
    /** Rows as they were received: of an earlier instant those that were known then. */
    readonly isReceived: boolean;
}

/**
 * Runs `work` in an engine session with one view per published table, named and shaped as docs/tables.md says. All views show one moment:
 * what is committed meanwhile is seen whole or not at all. Their files stay until `work` has ended. Where the one query is given, only what it
 * names is looked up; if it fails for want of a table, it runs again with all of them, so that the engine can say which name was meant.
 */
export async function withPublishedViews<T>(
    chain: Chain,
    options: ViewOptions,
    work: (session: EngineSession) => Promise<T>,
): Promise<T> {
    const { query, ...everything } = options;
    if (query === undefined) return withViews(chain, everything, work);
    try {
        return await withViews(chain, options, work);
    } catch (error) {
        if (!(error instanceof Error) || !/Table with name .* does not exist/i.test(error.message))
            throw error;
        return withViews(chain, everything, work);
    }
}

async function withViews<T>(
    chain: Chain,
    options: ViewOptions,
    work: (session: EngineSession) => Promise<T>,
): Promise<T> {
    const wants = wantsOf(options);
    const delivering = wants.isRecomputed || wants.hasRegisters ? await feedsOf(chain) : [];
    const feeds = precedenceOf(delivering);
    return useLake(chain.lake, async (lake) => {
        const session = await lake.engine.openSession();
        try {
            const look = await lookAtCatalogue({ ...chain, lake }, session, { ...options, feeds, wants });
            await registerViews(session, lake, look, wants, feeds.registers);
            return await work(session);
        } finally {
            await session.close();
        }
    });
}

/**
 * Names of the published tables, in order, where a query asks for these alone; undefined for any other query. The engine would list what the
 * views are made of beside them: all that is temporary stands in one schema, which is always looked in.
 */
export function tablesAsked(query: string): string[] | undefined {
    if (!/^\s*(show(\s+tables)?|describe)\s*;?\s*$/i.test(query)) return undefined;
    return [...Object.keys(VIEWS), ...RELATIONS, 'channels', 'payloads'].sort();
}

interface ViewWants extends Wants {
    readonly views: readonly (readonly [name: string, view: PublishedView])[];
    /** The query reads registers, and does not only ask which tables there are. */
    readonly namesRegisters: boolean;
}

function wantsOf(options: ViewOptions): ViewWants {
    const views = Object.entries(VIEWS).filter(([name]) => isWanted(options, name));
    const reads = new Set(views.flatMap(([, view]) => view.reads));
    const readsChannels = isWanted(options, 'channels') || views.some(([, view]) => view.namesChannels);
    const isRecomputed =
        options.asOf !== undefined && (readsChannels || RECOMPUTED.some((table) => reads.has(table)));
    return {
        views,
        tables: [...reads].filter((table) => !isRecomputed || !RECOMPUTED.includes(table)),
        hasChannels: readsChannels && !isRecomputed,
        isRecomputed,
        hasRegisters: views.some(([name]) => REGISTERS.includes(name)),
        namesRegisters: REGISTERS.some((name) => options.query?.toLowerCase().includes(name) ?? true),
    };
}

async function registerViews(
    session: EngineSession,
    lake: Lake,
    look: CatalogueLook,
    { views, namesRegisters: isNamed }: ViewWants,
    feeds: readonly RegisterFeed[],
): Promise<void> {
    if (look.known) await registerAsOf(session, lake, look.known);
    if (look.channels) await registerChannels(session, look.channels);
    for (const [table, files] of look.files)
        await session.registerFiles(`lake_${table}`, LAKE_TABLES[table], files);
    const received = look.watermark === undefined ? '' : ` where ${knownBy(look.watermark)}`;
    if (look.registers) {
        const comparesAdvances = views.some(([name]) => ADVANCES.includes(name));
        const asked = { received, isNamed, comparesAdvances, feeds };
        await registerRegisters(session, lake, look.registers, asked);
    }
    for (const [name, { text, isReceived }] of views)
        await session.run(`create or replace temp view ${name} as ${text}${isReceived ? received : ''}`);
}

/** Leaves `lake_register_reads` and, where they are asked for, `lake_register_advances`, which are decided now; of a query that only asks for names, without rows. */
async function registerRegisters(
    session: EngineSession,
    lake: Lake,
    inputs: SpanInputs,
    asked: {
        readonly received: string;
        readonly isNamed: boolean;
        readonly comparesAdvances: boolean;
        readonly feeds: readonly RegisterFeed[];
    },
): Promise<void> {
    const { received, isNamed, comparesAdvances, feeds } = asked;
    const versions = 'known_register_versions';
    await session.run(
        `create or replace temp view ${versions} as
         select * from (select * from lake_register_versions${received}) as v where ${isNamed}`,
    );
    await decideRegisterReads(session, { versions, channels: 'channels', feeds });
    await session.run('alter table curated_reads rename to lake_register_reads');
    if (!comparesAdvances) return;
    await spanRegisters(session, inputs, 'lake_register_reads');
    await compareAdvances(session, {
        zone: lake.zone,
        readsInterval: 'lake_reads_interval',
        readsDaily: 'lake_reads_daily',
        channels: 'channels',
    });
    await session.run('alter table register_advances rename to lake_register_advances');
}

async function registerChannels(session: EngineSession, channels: LookedChannels): Promise<void> {
    if ('path' in channels) await session.registerFiles('channels', CHANNEL_SNAPSHOT, [channels.path]);
    else await session.registerRows('channels', CHANNEL_SNAPSHOT, channels.rows.map(channelRow));
}

/** What `registerAsOf` makes anew. */
const RECOMPUTED: readonly LakeTable[] = [...PUBLISHED_TABLES, 'day_marks', 'reading_versions'];

/** What is made of the reads of registers. */
const REGISTERS: readonly string[] = ['register_reads', 'register_advances', 'validation_counts'];
const ADVANCES: readonly string[] = ['register_advances', 'validation_counts'];

// one row a channel; the directory has one validity for each, and a second one here would show every reading twice
const NAMED = `(select distinct channel_no, meter_id, metering_point_id, register_id, flow, interval_minutes from channels)`;

const named = (text: string, ...reads: LakeTable[]): PublishedView => ({
    text,
    reads,
    namesChannels: true,
    isReceived: false,
});
const plain = (table: LakeTable, isReceived = false): PublishedView => ({
    text: `select * from lake_${table}`,
    reads: [table],
    namesChannels: false,
    isReceived,
});

/** Rows of the session's `lake_<name>` behind the names of their channel. */
const ofChannels = (
    name: string,
    columns = 'r.*',
) => `select c.meter_id, c.metering_point_id, c.register_id, ${columns} from lake_${name} as r
            inner join ${NAMED} as c on c.channel_no = r.channel_no`;

/** SQL of how many advances of a relation fail which rule, by the feed and the day of the later read. */
export function countsOfAdvances(advances: string): string {
    return `select rule_id, severity, feed_id, market_day, count(*) as channel_days, cast(sum(expected_count) as bigint) as interval_count
        from (select rule_id, case when list_contains(string_split(coalesce(holds, ''), ','), rule_id) then 'hold' else 'mark' end as severity,
                     feed_id, to_day as market_day, expected_count
                from (select unnest(string_split(flags, ',')) as rule_id, holds, feed_id, to_day, expected_count from ${advances}) as f) as r
        group by rule_id, severity, feed_id, market_day`;
}

const VIEWS: Readonly<Record<string, PublishedView>> = {
    reads_interval: named(ofChannels('reads_interval', 'c.flow, r.*'), 'reads_interval'),
    reads_15min: named(
        `select c.meter_id, r.period_from as read_at, r.kwh,
                case r.quality when 'measured' then 'good' else r.quality end as quality_flag,
                r.received_at as ingested_at, r.interval_minutes as minutes, c.register_id, r.market_day, r.flags
            from lake_reads_interval as r inner join ${NAMED} as c on c.channel_no = r.channel_no
            union all
            select c.meter_id, make_timestamptz(epoch_us(g.gap_from) + i.n * c.interval_minutes * 60000000) as read_at,
                cast(null as decimal(18, 6)) as kwh, 'missing' as quality_flag, cast(null as timestamptz) as ingested_at,
                c.interval_minutes as minutes, c.register_id, g.market_day, cast(null as varchar) as flags
            from lake_reading_gaps as g inner join ${NAMED} as c on c.channel_no = g.channel_no
            inner join (select unnest(range(0, 400)) as n) as i on i.n < g.missing_count`,
        'reads_interval',
        'reading_gaps',
    ),
    reads_hourly: named(
        `select c.meter_id, r.hour_from as hour, r.kwh, c.register_id, r.* exclude (hour_from, kwh) from lake_reads_hourly as r
            inner join ${NAMED} as c on c.channel_no = r.channel_no`,
        'reads_hourly',
    ),
    reads_daily: named(
        `select c.meter_id, r.market_day as day, r.kwh, c.register_id, r.* exclude (market_day, kwh) from lake_reads_daily as r
            inner join ${NAMED} as c on c.channel_no = r.channel_no`,
        'reads_daily',
    ),
    reading_gaps: named(
        `select c.meter_id, c.register_id, g.* from lake_reading_gaps as g
            inner join ${NAMED} as c on c.channel_no = g.channel_no`,
        'reading_gaps',
    ),
    rejected_readings: named(ofChannels('rejected_readings', 'c.flow, r.*'), 'rejected_readings'),
    reading_marks: named(ofChannels('reading_marks'), 'reading_marks'),
    reading_estimates: named(
        ofChannels('reading_estimates', 'r.* exclude (digest_1, digest_2, window_digest_1, window_digest_2)'),
        'reading_estimates',
    ),
    day_marks: named(ofChannels('day_marks'), 'day_marks'),
    validation_counts: {
        text: `select rule_id, severity, feed_id, market_day, count(*) as channel_days,
                cast(sum(interval_count) as bigint) as interval_count
            from lake_reading_marks group by rule_id, severity, feed_id, market_day
            union all
            select m.rule_id, m.severity, i.feed_id, m.market_day, count(*), cast(sum(coalesce(i.n, 0)) as bigint)
            from lake_day_marks as m
            left join (select market_day, channel_no, feed_id, count(*) as n from lake_reads_interval
                        where (market_day, channel_no) in (select (market_day, channel_no) from lake_day_marks)
                        group by market_day, channel_no, feed_id) as i
                on i.market_day = m.market_day and i.channel_no = m.channel_no
            group by m.rule_id, m.severity, i.feed_id, m.market_day
            union all
            select rule_id, severity, feed_id, market_day, channel_days, interval_count
            from (${countsOfAdvances('lake_register_advances')}) as a`,
        reads: ['reading_marks', 'day_marks', 'reads_interval', 'reads_daily', 'register_versions'],
        namesChannels: true,
        isReceived: false,
    },
    reading_versions: plain('reading_versions'),
    register_versions: plain('register_versions', true),
    register_reads: named(ofChannels('register_reads'), 'register_versions'),
    register_advances: named(
        ofChannels('register_advances'),
        'register_versions',
        'reads_interval',
        'reads_daily',
    ),
    quarantined_rows: plain('quarantined_rows', true),
    replayed_rows: plain('replayed_rows', true),
    waiting_rows: plain('waiting_rows', true),
    changed_channel_days: plain('changed_channel_days'),
};
