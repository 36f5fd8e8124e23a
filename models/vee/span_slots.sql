with

lengths as (
    select
        channel_no,
        max(interval_minutes) as interval_minutes,
    from ref('channels')
    group by channel_no
)

-- the value of a run may go by its ends, so that its intervals outside of spans belong here too
select
    r.market_day,
    r.channel_no,
    r.run_no,
    m.interval_minutes,
    m.slot_no,
    m.slot_from_us,
    r.is_own,
    s.read_from,
from ref('span_runs') as r
inner join lengths as c on c.channel_no = r.channel_no
inner join ref('slot_minutes') as m
    on m.market_day = r.market_day
    and m.interval_minutes = c.interval_minutes
    and m.slot_from_us >= r.run_from_us
    and m.slot_from_us < r.run_to_us
left join ref('gap_spans') as s
    on s.channel_no = r.channel_no
    and m.slot_from_us >= s.span_from_us
    and m.slot_from_us < s.span_to_us
