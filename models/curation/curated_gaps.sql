with

incomplete_days as (
    select
        e.market_day,
        e.channel_no,
        e.interval_minutes,
        e.interval_us,
        e.expected_from_us,
        e.expected_to_us,
    from ref('expected_channel_days') as e
    left join ref('curated_days') as d
        on d.market_day = e.market_day and d.channel_no = e.channel_no
    where d.channel_no is null or d.missing_count > 0
),

present_slots as (
    select
        r.market_day,
        r.channel_no,
        instant_us(r.period_from) as slot_from_us,
    from ref('curated_intervals') as r
    inner join incomplete_days as i
        on i.market_day = r.market_day and i.channel_no = r.channel_no
),

missing_slots as (
    select
        i.market_day,
        i.channel_no,
        i.interval_us,
        s.slot_no,
        s.slot_from_us,
    from incomplete_days as i
    inner join ref('day_slots') as s
        on s.market_day = i.market_day
        and s.interval_minutes = i.interval_minutes
        and s.slot_from_us >= i.expected_from_us
        and s.slot_from_us < i.expected_to_us
    left join present_slots as p
        on p.market_day = i.market_day
        and p.channel_no = i.channel_no
        and p.slot_from_us = s.slot_from_us
    where p.channel_no is null
),

runs as (
    select
        market_day,
        channel_no,
        interval_us,
        slot_from_us,
        slot_no - row_number() over (
            partition by market_day, channel_no order by slot_no nulls last
        ) as run_no,
    from missing_slots
)

select
    market_day,
    channel_no,
    instant_of_us(min(slot_from_us)) as gap_from,
    instant_of_us(max(slot_from_us) + max(interval_us)) as gap_to,
    cast(count(*) as integer) as missing_count,
from runs
group by market_day, channel_no, run_no
