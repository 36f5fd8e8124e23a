with

values_of_methods as (
    select
        market_day,
        channel_no,
        run_no,
        slot_from_us,
        interval_minutes,
        micro_kwh,
        'linear' as method,
    from ref('linear_estimates')
    union all
    select
        market_day,
        channel_no,
        run_no,
        slot_from_us,
        interval_minutes,
        micro_kwh,
        'like-day' as method,
    from ref('like_day_estimates')
)

select
    v.market_day,
    v.channel_no,
    instant_of_us(v.slot_from_us) as period_from,
    v.interval_minutes,
    cast(v.micro_kwh * 0.000001 as decimal(18, 6)) as kwh,
    'estimated' as quality,
    v.method as source_code,
    cast(null as string) as flags,
    cast(null as smallint) as feed_id,
    cast(null as bigint) as sequence,
    -- an instant, as in the files of readings
    instant_of_us(cast(null as bigint)) as received_at,
from values_of_methods as v
inner join ref('estimate_offers') as o
    on o.market_day = v.market_day
    and o.channel_no = v.channel_no
    and o.run_no = v.run_no
    and o.method = v.method
