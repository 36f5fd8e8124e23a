with

-- a value of more than ten whole digits is no basis, and would leave the range of whole numbers
measured_ends as (
    select
        e.*,
        e.interval_minutes * cast(60000000 as bigint) as interval_us,
        micro_kwh(e.kwh) as micro_kwh,
    from ref('line_ends') as e
    where e.quality = 'measured' and abs(e.kwh) < 10000000000
),

-- the gap may be longer than the run: it goes over midnight, or a register was read within it
gaps as (
    select
        b.market_day,
        b.channel_no,
        b.run_from_us,
        b.run_to_us,
        b.interval_minutes,
        b.end_from_us as before_us,
        a.end_from_us as after_us,
        b.micro_kwh as micro_before,
        a.micro_kwh as micro_after,
    from measured_ends as b
    inner join measured_ends as a
        on a.channel_no = b.channel_no
        and a.run_from_us = b.run_from_us
        and a.interval_minutes = b.interval_minutes
    cross join ref('estimation_settings') as s
    where
        b.is_before = 1
        and a.is_before = 0
        and a.end_from_us - b.end_from_us - b.interval_us
        <= s.linear_minutes * cast(60000000 as bigint)
),

lines as (
    select
        u.market_day,
        u.channel_no,
        u.run_no,
        u.slot_from_us,
        u.interval_minutes,
        g.micro_before,
        g.micro_after,
        g.before_us,
        g.after_us,
        wide_whole(g.micro_before) * wide_whole(g.after_us - u.slot_from_us)
        + wide_whole(g.micro_after) * wide_whole(u.slot_from_us - g.before_us) as dividend,
        wide_whole(g.after_us - g.before_us) as divisor,
    from gaps as g
    inner join ref('unread_runs') as r
        on r.market_day = g.market_day
        and r.channel_no = g.channel_no
        and r.interval_minutes = g.interval_minutes
        and r.run_from_us >= g.run_from_us
        and r.run_to_us <= g.run_to_us
    inner join ref('unread_slots') as u
        on u.market_day = r.market_day and u.channel_no = r.channel_no and u.run_no = r.run_no
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
    before_us,
    after_us,
from lines
