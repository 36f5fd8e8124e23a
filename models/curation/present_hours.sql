with

readings as (
    select
        r.market_day,
        r.channel_no,
        int_div(instant_us(r.period_from) - d.day_from_us, 3600000000) as hour_no,
        r.kwh,
        r.quality,
        reading_digest_1(instant_us(r.period_from), r.kwh, r.quality, r.interval_minutes)
            as digest_1,
        reading_digest_2(instant_us(r.period_from), r.kwh, r.quality, r.interval_minutes)
            as digest_2,
    from ref('summed_intervals') as r
    inner join ref('market_days') as d on d.market_day = r.market_day
),

sums as (
    select
        market_day,
        channel_no,
        hour_no,
        sum(kwh) as kwh,
        sum(case when quality = 'estimated' then kwh end) as estimated_kwh,
        count(*) as present_count,
        count(case when quality = 'estimated' then 1 end) as estimated_count,
        sum(digest_1) as digest_1,
        sum(digest_2) as digest_2,
    from readings
    group by market_day, channel_no, hour_no
)

select
    market_day,
    channel_no,
    hour_no,
    cast(kwh as decimal(38, 6)) as kwh,
    cast(
        case when present_count > estimated_count then kwh - coalesce(estimated_kwh, 0) end
        as decimal(38, 6)
    ) as measured_kwh,
    cast(estimated_kwh as decimal(38, 6)) as estimated_kwh,
    present_count,
    present_count - estimated_count as measured_count,
    estimated_count,
    cast(digest_1 as bigint) as digest_1,
    cast(digest_2 as bigint) as digest_2,
from sums
