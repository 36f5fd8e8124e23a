with

short_runs as (
    select r.*
    from ref('unread_runs') as r
    cross join ref('estimation_settings') as s
    where r.slot_count * r.interval_minutes <= s.linear_minutes
),

edges as (
    select
        market_day,
        channel_no,
        interval_minutes,
        run_no,
        first_slot_no - 1 as slot_no,
        1 as is_before,
    from short_runs
    union all
    select
        market_day,
        channel_no,
        interval_minutes,
        run_no,
        last_slot_no + 1 as slot_no,
        0 as is_before,
    from short_runs
),

edge_slots as (
    select
        e.market_day,
        e.channel_no,
        e.run_no,
        e.is_before,
        s.slot_from_us,
    from edges as e
    inner join ref('day_slots') as s
        on s.market_day = e.market_day
        and s.interval_minutes = e.interval_minutes
        and s.slot_no = e.slot_no
),

-- a value of more than ten whole digits is no basis, and would leave the range of whole numbers
neighbours as (
    select
        e.market_day,
        e.channel_no,
        e.run_no,
        max(case when e.is_before = 1 then micro_kwh(v.kwh) end) as micro_before,
        max(case when e.is_before = 0 then micro_kwh(v.kwh) end) as micro_after,
    from edge_slots as e
    inner join ref('curated_intervals') as v
        on v.market_day = e.market_day
        and v.channel_no = e.channel_no
        and instant_us(v.period_from) = e.slot_from_us
    where v.quality = 'measured' and abs(v.kwh) < 10000000000
    group by e.market_day, e.channel_no, e.run_no
),

lines as (
    select
        u.market_day,
        u.channel_no,
        u.run_no,
        u.slot_from_us,
        u.interval_minutes,
        n.micro_before,
        n.micro_after,
        n.micro_before * (r.last_slot_no + 1 - u.slot_no)
        + n.micro_after * (u.slot_no - r.first_slot_no + 1) as dividend,
        r.slot_count + 1 as divisor,
    from neighbours as n
    inner join ref('unread_runs') as r
        on r.market_day = n.market_day and r.channel_no = n.channel_no and r.run_no = n.run_no
    inner join ref('unread_slots') as u
        on u.market_day = n.market_day and u.channel_no = n.channel_no and u.run_no = n.run_no
    where n.micro_before is not null and n.micro_after is not null
)

select
    market_day,
    channel_no,
    run_no,
    slot_from_us,
    interval_minutes,
    cast(half_even_quotient(dividend, divisor) as bigint) as micro_kwh,
    micro_before,
    micro_after,
from lines
