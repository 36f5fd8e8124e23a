with

present_slots as (
    select
        r.market_day,
        r.channel_no,
        instant_us(r.period_from) as slot_from_us,
    from ref('curated_intervals') as r
    inner join ref('incomplete_days') as i
        on i.market_day = r.market_day and i.channel_no = r.channel_no
)

select
    i.market_day,
    i.channel_no,
    i.interval_minutes,
    i.interval_us,
    s.slot_no,
    s.slot_from_us,
    cast(
        s.slot_no - row_number() over (
            partition by i.market_day, i.channel_no order by s.slot_no nulls last
        ) as bigint
    ) as run_no,
from ref('incomplete_days') as i
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
