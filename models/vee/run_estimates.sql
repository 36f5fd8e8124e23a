with

sums as (
    select
        r.market_day,
        r.channel_no,
        r.run_no,
        count(*) as estimated_count,
        sum(e.kwh) as kwh,
        sum(reading_digest_1(instant_us(e.period_from), e.kwh, e.quality, e.interval_minutes))
            as digest_1,
        sum(reading_digest_2(instant_us(e.period_from), e.kwh, e.quality, e.interval_minutes))
            as digest_2,
    from ref('estimated_intervals') as e
    inner join ref('unread_runs') as r
        on r.market_day = e.market_day
        and r.channel_no = e.channel_no
        and instant_us(e.period_from) >= r.run_from_us
        and instant_us(e.period_from) < r.run_to_us
    group by r.market_day, r.channel_no, r.run_no
)

select
    r.market_day,
    r.channel_no,
    instant_of_us(r.run_from_us) as gap_from,
    instant_of_us(r.run_to_us) as gap_to,
    cast(r.slot_count as integer) as interval_count,
    o.method,
    o.confidence,
    o.kwh_before,
    o.kwh_after,
    o.first_source_day,
    o.last_source_day,
    o.value_count,
    cast(s.kwh as decimal(38, 6)) as kwh,
    cast(coalesce(s.estimated_count, 0) as integer) as estimated_count,
    cast(coalesce(s.digest_1, 0) as bigint) as digest_1,
    cast(coalesce(s.digest_2, 0) as bigint) as digest_2,
    coalesce(w.window_digest_1, 0) as window_digest_1,
    coalesce(w.window_digest_2, 0) as window_digest_2,
from ref('unread_runs') as r
left join ref('estimate_offers') as o
    on o.market_day = r.market_day and o.channel_no = r.channel_no and o.run_no = r.run_no
left join sums as s
    on s.market_day = r.market_day and s.channel_no = r.channel_no and s.run_no = r.run_no
left join ref('window_digests') as w
    on w.market_day = r.market_day and w.channel_no = r.channel_no
