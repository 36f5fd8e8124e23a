with

missing_slots as (
    select
        u.market_day,
        u.channel_no,
        u.interval_us,
        u.slot_from_us,
        u.slot_no - row_number() over (
            partition by u.market_day, u.channel_no order by u.slot_no nulls last
        ) as run_no,
    from ref('unread_slots') as u
    left join ref('estimated_intervals') as e
        on e.channel_no = u.channel_no and instant_us(e.period_from) = u.slot_from_us
    where e.channel_no is null
)

select
    market_day,
    channel_no,
    instant_of_us(min(slot_from_us)) as gap_from,
    instant_of_us(max(slot_from_us) + max(interval_us)) as gap_to,
    cast(count(*) as integer) as missing_count,
from missing_slots
group by market_day, channel_no, run_no
