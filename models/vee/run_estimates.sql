with

rest_runs as (
    select
        r.market_day,
        r.channel_no,
        r.run_from_us,
        r.run_to_us,
        r.slot_count,
        o.method,
        cast(null as string) as shape,
        o.confidence,
        o.kwh_before,
        o.kwh_after,
        o.first_source_day,
        o.last_source_day,
        o.value_count,
        o.before_from,
        o.after_from,
        o.shape_class,
        o.annual_kwh,
        instant_of_us(cast(null as bigint)) as read_from,
        instant_of_us(cast(null as bigint)) as read_to,
        cast(null as decimal(28, 6)) as advance_kwh,
        cast(null as decimal(28, 6)) as measured_kwh,
    from ref('unread_runs') as r
    left join ref('estimate_offers') as o
        on o.market_day = r.market_day and o.channel_no = r.channel_no and o.run_no = r.run_no
),

-- where a register was read within a run, the run has a part before and one after
scaled_parts as (
    select
        market_day,
        channel_no,
        run_no,
        read_from,
        read_to,
        method,
        min(slot_from_us) as run_from_us,
        max(slot_from_us + cast(interval_minutes as bigint) * 60000000) as run_to_us,
        count(*) as slot_count,
        max(advance_kwh) as advance_kwh,
        max(measured_kwh) as measured_kwh,
    from ref('scaled_estimates')
    group by market_day, channel_no, run_no, read_from, read_to, method
),

runs as (
    select * from rest_runs
    union all
    select
        p.market_day,
        p.channel_no,
        p.run_from_us,
        p.run_to_us,
        p.slot_count,
        p.method,
        o.method as shape,
        case when p.method = 'flat' then 'low' else 'high' end as confidence,
        o.kwh_before,
        o.kwh_after,
        o.first_source_day,
        o.last_source_day,
        o.value_count,
        o.before_from,
        o.after_from,
        o.shape_class,
        o.annual_kwh,
        p.read_from,
        p.read_to,
        p.advance_kwh,
        p.measured_kwh,
    from scaled_parts as p
    -- an even share has no shape, whatever others said of the run
    left join ref('shape_offers') as o
        on o.market_day = p.market_day
        and o.channel_no = p.channel_no
        and o.run_no = p.run_no
        and p.method <> 'flat'
),

sums as (
    select
        r.market_day,
        r.channel_no,
        r.run_from_us,
        count(*) as estimated_count,
        sum(e.kwh) as kwh,
        sum(reading_digest_1(instant_us(e.period_from), e.kwh, e.quality, e.interval_minutes))
            as digest_1,
        sum(reading_digest_2(instant_us(e.period_from), e.kwh, e.quality, e.interval_minutes))
            as digest_2,
    from ref('estimated_intervals') as e
    inner join runs as r
        on r.market_day = e.market_day
        and r.channel_no = e.channel_no
        and instant_us(e.period_from) >= r.run_from_us
        and instant_us(e.period_from) < r.run_to_us
    group by r.market_day, r.channel_no, r.run_from_us
)

select
    r.market_day,
    r.channel_no,
    instant_of_us(r.run_from_us) as gap_from,
    instant_of_us(r.run_to_us) as gap_to,
    cast(r.slot_count as integer) as interval_count,
    r.method,
    r.confidence,
    r.kwh_before,
    r.kwh_after,
    r.first_source_day,
    r.last_source_day,
    r.value_count,
    cast(s.kwh as decimal(38, 6)) as kwh,
    cast(coalesce(s.estimated_count, 0) as integer) as estimated_count,
    cast(coalesce(s.digest_1, 0) as bigint) as digest_1,
    cast(coalesce(s.digest_2, 0) as bigint) as digest_2,
    coalesce(w.window_digest_1, 0) as window_digest_1,
    coalesce(w.window_digest_2, 0) as window_digest_2,
    r.shape,
    r.read_from,
    r.read_to,
    r.advance_kwh,
    r.measured_kwh,
    r.before_from,
    r.after_from,
    r.shape_class,
    r.annual_kwh,
from runs as r
left join sums as s
    on s.market_day = r.market_day
    and s.channel_no = r.channel_no
    and s.run_from_us = r.run_from_us
left join ref('window_digests') as w
    on w.market_day = r.market_day and w.channel_no = r.channel_no
