with

touched as (
    select
        s.channel_no,
        s.read_from,
        s.read_to,
        d.market_day,
        d.day_from_us,
        d.day_to_us,
        greatest(instant_us(s.read_from), d.day_from_us) as part_from_us,
        least(instant_us(s.read_to), d.day_to_us) as part_to_us,
    from ref('register_spans') as s
    inner join ref('market_days') as d
        on d.market_day >= s.from_day and d.market_day <= s.to_day
    where s.advance_kwh is not null
),

lengths as (
    select
        channel_no,
        max(cast(interval_minutes as bigint)) * 60000000 as interval_us,
    from ref('channels')
    group by channel_no
),

placed as (
    select
        t.*,
        c.interval_us,
        int_div(t.day_to_us - t.day_from_us, c.interval_us) as whole_count,
    from touched as t
    inner join lengths as c on c.channel_no = t.channel_no
    where t.part_from_us < t.part_to_us
)

select
    channel_no,
    read_from,
    read_to,
    market_day,
    case when part_from_us = day_from_us and part_to_us = day_to_us then 1 else 0 end
        as is_whole,
    least(int_div_up(part_to_us - day_from_us, interval_us), whole_count)
    - least(int_div_up(part_from_us - day_from_us, interval_us), whole_count)
        as expected_count,
from placed
