with

estimated_days as (
    select
        market_day,
        channel_no,
        sum(kwh) as kwh,
        sum(estimated_count) as estimated_count,
    from ref('window_reading_estimates')
    group by market_day, channel_no
),

-- what feeds gave: all that is published, less what was estimated here
received as (
    select
        g.channel_no,
        g.read_from,
        coalesce(d.kwh, 0) - coalesce(e.kwh, 0) as kwh,
        d.measured_count,
        d.estimated_count - coalesce(e.estimated_count, 0) as other_count,
    from ref('window_reads_daily') as d
    inner join ref('gap_span_days') as g
        on g.market_day = d.market_day and g.channel_no = d.channel_no and g.is_whole = 1
    left join estimated_days as e
        on e.market_day = d.market_day and e.channel_no = d.channel_no
    left join ref('decided_days') as p
        on p.market_day = d.market_day and p.channel_no = d.channel_no
    where p.market_day is null
    union all
    select
        g.channel_no,
        g.read_from,
        v.kwh,
        case when v.quality = 'measured' then 1 else 0 end as measured_count,
        case when v.quality = 'measured' then 0 else 1 end as other_count,
    from ref('window_reads_interval') as v
    inner join ref('gap_span_days') as g
        on g.market_day = v.market_day
        and g.channel_no = v.channel_no
        and g.is_whole = 0
        and v.period_from >= g.read_from
        and v.period_from < g.read_to
    left join ref('decided_days') as p
        on p.market_day = v.market_day and p.channel_no = v.channel_no
    where p.market_day is null and v.feed_id is not null
    union all
    select
        g.channel_no,
        g.read_from,
        v.kwh,
        case when v.quality = 'measured' then 1 else 0 end as measured_count,
        case when v.quality = 'measured' then 0 else 1 end as other_count,
    from ref('curated_intervals') as v
    inner join ref('gap_span_days') as g
        on g.market_day = v.market_day
        and g.channel_no = v.channel_no
        and v.period_from >= g.read_from
        and v.period_from < g.read_to
),

received_sums as (
    select
        channel_no,
        read_from,
        sum(kwh) as kwh,
        sum(measured_count) as measured_count,
        sum(other_count) as other_count,
    from received
    group by channel_no, read_from
),

unread as (
    select
        channel_no,
        read_from,
        count(*) as unread_count,
    from ref('span_slots')
    where read_from is not null
    group by channel_no, read_from
),

days as (
    select
        g.channel_no,
        g.read_from,
        sum(g.expected_count) as slot_count,
        min(c.is_covered) as is_covered,
    from ref('gap_span_days') as g
    inner join ref('span_calendar') as c on c.market_day = g.market_day
    group by g.channel_no, g.read_from
),

summed as (
    select
        s.channel_no,
        s.read_from,
        s.read_to,
        s.advance_kwh,
        cast(coalesce(r.kwh, 0) as decimal(28, 6)) as measured_kwh,
        s.advance_kwh - cast(coalesce(r.kwh, 0) as decimal(28, 6)) as rest_kwh,
        d.is_covered,
        d.slot_count - u.unread_count - coalesce(r.measured_count, 0) as unknown_count,
        coalesce(r.other_count, 0) as other_count,
    from ref('gap_spans') as s
    inner join days as d on d.channel_no = s.channel_no and d.read_from = s.read_from
    inner join unread as u on u.channel_no = s.channel_no and u.read_from = s.read_from
    left join received_sums as r
        on r.channel_no = s.channel_no and r.read_from = s.read_from
)

-- beyond ten whole digits it would leave the range of whole numbers
select
    channel_no,
    read_from,
    read_to,
    advance_kwh,
    measured_kwh,
    cast(rest_kwh * 1000000 as bigint) as rest_micro,
from summed
where
    is_covered = 1
    and unknown_count = 0
    and other_count = 0
    and rest_kwh >= 0
    and rest_kwh < 10000000000
