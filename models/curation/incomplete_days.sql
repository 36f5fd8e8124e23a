with

present_days as (
    select
        market_day,
        channel_no,
        sum(present_count) as present_count,
    from ref('received_hours')
    group by market_day, channel_no
)

select
    e.market_day,
    e.channel_no,
    e.interval_minutes,
    e.interval_us,
    e.day_from_us,
    int_div(e.day_to_us - e.day_from_us, e.interval_us) as whole_count,
    e.expected_from_us,
    e.expected_to_us,
from ref('expected_channel_days') as e
left join present_days as p on p.market_day = e.market_day and p.channel_no = e.channel_no
where p.present_count is null or p.present_count <> e.expected_count
