with

linear_runs as (
    select
        market_day,
        channel_no,
        run_no,
        count(*) as slot_count,
        max(micro_before) as micro_before,
        max(micro_after) as micro_after,
        max(before_us) as before_us,
        max(after_us) as after_us,
    from ref('linear_estimates')
    group by market_day, channel_no, run_no
),

like_day_runs as (
    select
        market_day,
        channel_no,
        run_no,
        count(*) as slot_count,
        min(value_count) as value_count,
        min(first_source_day) as first_source_day,
        max(last_source_day) as last_source_day,
    from ref('like_day_estimates')
    group by market_day, channel_no, run_no
),

load_shape_runs as (
    select
        market_day,
        channel_no,
        run_no,
        count(*) as slot_count,
        max(class_name) as shape_class,
        max(annual_kwh) as annual_kwh,
    from ref('load_shape_estimates')
    group by market_day, channel_no, run_no
),

offers as (
    select
        market_day,
        channel_no,
        run_no,
        slot_count,
        'linear' as method,
        'high' as confidence,
        cast(micro_before * 0.000001 as decimal(18, 6)) as kwh_before,
        cast(micro_after * 0.000001 as decimal(18, 6)) as kwh_after,
        cast(null as date) as first_source_day,
        cast(null as date) as last_source_day,
        cast(null as integer) as value_count,
        before_us,
        after_us,
        cast(null as string) as shape_class,
        cast(null as decimal(18, 6)) as annual_kwh,
    from linear_runs
    union all
    select
        l.market_day,
        l.channel_no,
        l.run_no,
        l.slot_count,
        'like-day' as method,
        case
            when l.value_count >= s.like_days then 'medium'
            else 'low'
        end as confidence,
        cast(null as decimal(18, 6)) as kwh_before,
        cast(null as decimal(18, 6)) as kwh_after,
        l.first_source_day,
        l.last_source_day,
        l.value_count,
        cast(null as bigint) as before_us,
        cast(null as bigint) as after_us,
        cast(null as string) as shape_class,
        cast(null as decimal(18, 6)) as annual_kwh,
    from like_day_runs as l
    cross join ref('estimation_settings') as s
    union all
    select
        market_day,
        channel_no,
        run_no,
        slot_count,
        'load-shape' as method,
        'low' as confidence,
        cast(null as decimal(18, 6)) as kwh_before,
        cast(null as decimal(18, 6)) as kwh_after,
        cast(null as date) as first_source_day,
        cast(null as date) as last_source_day,
        cast(null as integer) as value_count,
        cast(null as bigint) as before_us,
        cast(null as bigint) as after_us,
        shape_class,
        annual_kwh,
    from load_shape_runs
),

-- a method that has not a value for each interval of the run offers none
ranked as (
    select
        o.*,
        row_number() over (
            partition by o.market_day, o.channel_no, o.run_no order by m.place_no nulls last
        ) as choice_no,
    from offers as o
    inner join ref('estimation_methods') as m on m.method = o.method
    inner join ref('unread_runs') as r
        on r.market_day = o.market_day
        and r.channel_no = o.channel_no
        and r.run_no = o.run_no
        and r.slot_count = o.slot_count
)

select
    market_day,
    channel_no,
    run_no,
    method,
    confidence,
    kwh_before,
    kwh_after,
    first_source_day,
    last_source_day,
    value_count,
    instant_of_us(before_us) as before_from,
    instant_of_us(after_us) as after_from,
    shape_class,
    annual_kwh,
from ranked
where choice_no = 1
