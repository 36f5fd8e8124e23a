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
    union all
    select
        market_day,
        channel_no,
        run_no,
        slot_from_us,
        interval_minutes,
        micro_kwh,
        'load-shape' as method,
    from ref('load_shape_estimates')
)

select
    v.market_day,
    v.channel_no,
    v.run_no,
    v.slot_from_us,
    v.interval_minutes,
    v.micro_kwh,
    v.method,
from values_of_methods as v
inner join ref('estimate_offers') as o
    on o.market_day = v.market_day
    and o.channel_no = v.channel_no
    and o.run_no = v.run_no
    and o.method = v.method
