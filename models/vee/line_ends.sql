with

-- of a run that ends at midnight the line goes on to a value of the next day, and so before it
short_runs as (
    select
        r.market_day,
        r.channel_no,
        r.run_from_us,
        r.run_to_us,
        n.near_day,
        s.linear_minutes * cast(60000000 as bigint) as limit_us,
        case when r.run_from_us = n.day_from_us then 1 else 0 end as is_first,
        case
            when r.run_to_us + int_div(r.run_to_us - r.run_from_us, r.slot_count) > n.day_to_us
                then 1
            else 0
        end as is_last,
    from ref('line_runs') as r
    inner join ref('near_days') as n on n.market_day = r.market_day
    cross join ref('estimation_settings') as s
    where r.run_to_us - r.run_from_us <= s.linear_minutes * cast(60000000 as bigint)
),

nearest as (
    select
        r.market_day,
        r.channel_no,
        r.run_from_us,
        r.run_to_us,
        1 as is_before,
        max(v.slot_from_us) as end_from_us,
    from short_runs as r
    inner join ref('near_values') as v
        on v.channel_no = r.channel_no
        and v.market_day = r.near_day
        and v.slot_from_us < r.run_from_us
        and v.slot_from_us >= r.run_from_us - r.limit_us
    where v.market_day = r.market_day or r.is_first = 1
    group by r.market_day, r.channel_no, r.run_from_us, r.run_to_us
    union all
    select
        r.market_day,
        r.channel_no,
        r.run_from_us,
        r.run_to_us,
        0 as is_before,
        min(v.slot_from_us) as end_from_us,
    from short_runs as r
    inner join ref('near_values') as v
        on v.channel_no = r.channel_no
        and v.market_day = r.near_day
        and v.slot_from_us >= r.run_to_us
        and v.slot_from_us < r.run_to_us + r.limit_us
    where v.market_day = r.market_day or r.is_last = 1
    group by r.market_day, r.channel_no, r.run_from_us, r.run_to_us
)

select
    n.market_day,
    n.channel_no,
    n.run_from_us,
    n.run_to_us,
    n.is_before,
    n.end_from_us,
    v.market_day as end_day,
    v.interval_minutes,
    v.kwh,
    v.quality,
from nearest as n
inner join ref('near_values') as v
    on v.channel_no = n.channel_no and v.slot_from_us = n.end_from_us
