with

wanted as (
    select
        u.market_day,
        u.channel_no,
        u.run_no,
        u.interval_minutes,
        u.slot_from_us,
        m.local_minute,
    from ref('unread_slots') as u
    inner join ref('slot_minutes') as m
        on m.market_day = u.market_day
        and m.interval_minutes = u.interval_minutes
        and m.slot_from_us = u.slot_from_us
),

-- where the clock shows a minute twice the first one stands for it
source_values as (
    select
        v.market_day as source_day,
        v.channel_no,
        v.interval_minutes,
        m.local_minute,
        micro_kwh(v.kwh) as micro_kwh,
    from ref('window_values') as v
    inner join ref('slot_minutes') as m
        on m.market_day = v.market_day
        and m.interval_minutes = v.interval_minutes
        and m.slot_from_us = instant_us(v.period_from)
    where m.is_repeated = 0 and abs(v.kwh) < 10000000000
),

candidates as (
    select
        w.market_day,
        w.channel_no,
        w.run_no,
        w.interval_minutes,
        w.slot_from_us,
        v.source_day,
        v.micro_kwh,
        row_number() over (
            partition by w.channel_no, w.slot_from_us order by d.place_no nulls last
        ) as choice_no,
    from wanted as w
    inner join ref('like_days') as d on d.market_day = w.market_day
    inner join source_values as v
        on v.channel_no = w.channel_no
        and v.source_day = d.source_day
        and v.interval_minutes = w.interval_minutes
        and v.local_minute = w.local_minute
),

sums as (
    select
        c.market_day,
        c.channel_no,
        c.run_no,
        c.slot_from_us,
        c.interval_minutes,
        sum(c.micro_kwh) as micro_sum,
        count(*) as value_count,
        min(c.source_day) as first_source_day,
        max(c.source_day) as last_source_day,
    from candidates as c
    cross join ref('estimation_settings') as s
    where c.choice_no <= s.like_days
    group by c.market_day, c.channel_no, c.run_no, c.slot_from_us, c.interval_minutes
)

select
    market_day,
    channel_no,
    run_no,
    slot_from_us,
    interval_minutes,
    cast(half_even_quotient(micro_sum, value_count) as bigint) as micro_kwh,
    cast(value_count as integer) as value_count,
    first_source_day,
    last_source_day,
from sums
