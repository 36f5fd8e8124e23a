select
    u.market_day,
    u.channel_no,
    u.interval_minutes,
    u.run_no,
    min(u.slot_no) as first_slot_no,
    max(u.slot_no) as last_slot_no,
    count(*) as slot_count,
    min(u.slot_from_us) as run_from_us,
    max(u.slot_from_us) + max(u.interval_us) as run_to_us,
from ref('unread_slots') as u
inner join ref('estimation_days') as d on d.market_day = u.market_day
group by u.market_day, u.channel_no, u.interval_minutes, u.run_no
