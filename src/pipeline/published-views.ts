import { CHANNEL_SNAPSHOT, LAKE_TABLES, type LakeTable } from '../contracts/lake-tables.ts';
import type { EngineSession } from '../engine/engine.ts';
import { registerAsOf } from '../lake/as-of.ts';
import { channelRow } from '../lake/channel-row.ts';
import { useLake } from '../lake/lake-use.ts';
import { knownBy } from '../lake/watermark.ts';
import { type CatalogueLook, lookAtCatalogue } from './catalogue-look.ts';
import { type Chain, feedsOf, precedenceOf } from './chain.ts';
import type { ViewOptions } from './published-relations.ts';

const CURATED_TABLES: readonly LakeTable[] = [
    'reads_interval',
    'reads_hourly',
    'reads_daily',
    'reading_gaps',
    'reading_versions',
];
const KEPT_TABLES: readonly LakeTable[] = [
    'quarantined_rows',
    'replayed_rows',
    'waiting_rows',
    'changed_channel_days',
];

/**
 * Runs `work` in an engine session with one view per published table, named and shaped as docs/tables.md says. All views show one moment:
 * what is committed meanwhile is seen whole or not at all. Their files stay until `work` has ended.
 */
export async function withPublishedViews<T>(
    chain: Chain,
    options: ViewOptions,
    work: (session: EngineSession) => Promise<T>,
): Promise<T> {
    const feeds = options.asOf === undefined ? [] : precedenceOf(await feedsOf(chain));
    return useLake(chain.lake, async (lake) => {
        const session = await lake.engine.openSession();
        try {
            const look = await lookAtCatalogue({ ...chain, lake }, session, options, feeds);
            await registerLook(session, { ...chain, lake }, look);
            return await work(session);
        } finally {
            await session.close();
        }
    });
}

async function registerLook(session: EngineSession, { lake }: Chain, look: CatalogueLook): Promise<void> {
    const registerTable = (table: LakeTable) =>
        session.registerFiles(`lake_${table}`, LAKE_TABLES[table], look.files[table]);
    for (const table of KEPT_TABLES) await registerTable(table);
    if (look.known === undefined) {
        for (const table of CURATED_TABLES) await registerTable(table);
        if ('path' in look.channels)
            await session.registerFiles('channels', CHANNEL_SNAPSHOT, [look.channels.path]);
        else await session.registerRows('channels', CHANNEL_SNAPSHOT, look.channels.rows.map(channelRow));
    } else await registerAsOf(session, lake, look.known);
    const received = look.known === undefined ? '' : ` where ${knownBy(look.known.watermark)}`;
    const views = {
        ...READ_VIEWS,
        reading_versions: 'select * from lake_reading_versions',
        quarantined_rows: `select * from lake_quarantined_rows${received}`,
        replayed_rows: `select * from lake_replayed_rows${received}`,
        waiting_rows: `select * from lake_waiting_rows${received}`,
        changed_channel_days: 'select * from lake_changed_channel_days',
    };
    for (const [name, text] of Object.entries(views))
        await session.run(`create or replace temp view ${name} as ${text}`);
}

// one row a channel; the directory has one validity for each, and a second one here would show every reading twice
const NAMED = `(select distinct channel_no, meter_id, metering_point_id, register_id, flow, interval_minutes from channels)`;

const READ_VIEWS: Readonly<Record<string, string>> = {
    reads_interval: `select c.meter_id, c.metering_point_id, c.register_id, c.flow, r.* from lake_reads_interval as r
        inner join ${NAMED} as c on c.channel_no = r.channel_no`,
    reads_15min: `select c.meter_id, r.period_from as read_at, r.kwh,
            case r.quality when 'measured' then 'good' else r.quality end as quality_flag,
            r.received_at as ingested_at, r.interval_minutes as minutes, c.register_id, r.market_day
        from lake_reads_interval as r inner join ${NAMED} as c on c.channel_no = r.channel_no
        union all
        select c.meter_id, make_timestamptz(epoch_us(g.gap_from) + i.n * c.interval_minutes * 60000000) as read_at,
            cast(null as decimal(18, 6)) as kwh, 'missing' as quality_flag, cast(null as timestamptz) as ingested_at,
            c.interval_minutes as minutes, c.register_id, g.market_day
        from lake_reading_gaps as g inner join ${NAMED} as c on c.channel_no = g.channel_no
        inner join (select unnest(range(0, 400)) as n) as i on i.n < g.missing_count`,
    reads_hourly: `select c.meter_id, r.hour_from as hour, r.kwh, c.register_id, r.* exclude (hour_from, kwh) from lake_reads_hourly as r
        inner join ${NAMED} as c on c.channel_no = r.channel_no`,
    reads_daily: `select c.meter_id, r.market_day as day, r.kwh, c.register_id, r.* exclude (market_day, kwh) from lake_reads_daily as r
        inner join ${NAMED} as c on c.channel_no = r.channel_no`,
    reading_gaps: `select c.meter_id, c.register_id, g.* from lake_reading_gaps as g
        inner join ${NAMED} as c on c.channel_no = g.channel_no`,
};
