select
    u.market_day,
    u.channel_no,
    u.interval_minutes,
    u.interval_us,
    u.slot_no,
    u.slot_from_us,
    cast(
        u.slot_no - row_number() over (
            partition by u.market_day, u.channel_no order by u.slot_no nulls last
        ) as bigint
    ) as run_no,
from ref('unread_slots') as u
left join ref('scaled_estimates') as s
    on s.channel_no = u.channel_no and s.slot_from_us = u.slot_from_us
where s.channel_no is null
