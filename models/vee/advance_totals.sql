with

channel_days as (
    select
        g.channel_no,
        g.read_from,
        g.market_day,
        g.is_whole,
        c.class_name,
    from ref('gap_span_days') as g
    inner join ref('shape_classes') as c
        on c.channel_no = g.channel_no
        and g.market_day >= c.from_day
        and g.market_day < c.to_day
),

lengths as (
    select
        channel_no,
        max(interval_minutes) as interval_minutes,
    from ref('channels')
    group by channel_no
),

weights as (
    select
        g.channel_no,
        g.read_from,
        d.day_weight as weight,
    from channel_days as g
    inner join ref('shape_days') as d
        on d.class_name = g.class_name and d.market_day = g.market_day
    where g.is_whole = 1
    union all
    select
        g.channel_no,
        g.read_from,
        w.weight,
    from channel_days as g
    inner join ref('gap_spans') as s
        on s.channel_no = g.channel_no and s.read_from = g.read_from
    inner join lengths as l on l.channel_no = g.channel_no
    inner join ref('shape_weights') as w
        on w.class_name = g.class_name
        and w.market_day = g.market_day
        and w.interval_minutes = l.interval_minutes
        and w.slot_from_us >= s.span_from_us
        and w.slot_from_us < s.span_to_us
    where g.is_whole = 0
),

sums as (
    select
        channel_no,
        read_from,
        cast(sum(weight) as bigint) as total_weight,
    from weights
    group by channel_no, read_from
)

select
    g.market_day,
    s.channel_no,
    s.span_from_us as part_from_us,
    s.span_to_us as part_to_us,
    cast(s.advance_kwh * 1000000 as bigint) as total_micro,
    w.total_weight,
    cast(null as decimal(18, 6)) as annual_kwh,
from ref('gap_spans') as s
inner join ref('gap_span_days') as g
    on g.channel_no = s.channel_no and g.read_from = s.read_from
inner join sums as w on w.channel_no = s.channel_no and w.read_from = s.read_from
inner join ref('span_totals') as t
    on t.channel_no = s.channel_no and t.read_from = s.read_from
-- beyond ten whole digits it would leave the range of whole numbers
where s.advance_kwh < 10000000000
union all
-- a gap may begin before the first read and end after the last: its intervals there need a value,
-- which nobody asks for
select
    u.market_day,
    u.channel_no,
    u.slot_from_us as part_from_us,
    u.slot_from_us + 1 as part_to_us,
    cast(0 as bigint) as total_micro,
    cast(1 as bigint) as total_weight,
    cast(null as decimal(18, 6)) as annual_kwh,
from ref('span_slots') as u
left join ref('span_totals') as t
    on t.channel_no = u.channel_no and t.read_from = u.read_from
where t.channel_no is null
