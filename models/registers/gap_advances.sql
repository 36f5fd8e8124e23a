with

begun as (
    select
        g.channel_no,
        g.gap_from,
        g.gap_to,
        max(s.read_from) as read_from,
    from ref('asked_gaps') as g
    inner join ref('register_spans') as s
        on s.channel_no = g.channel_no
        and s.read_from <= g.gap_from
        and s.start_quality = 'measured'
    group by g.channel_no, g.gap_from, g.gap_to
),

ended as (
    select
        g.channel_no,
        g.gap_from,
        g.gap_to,
        min(s.read_to) as read_to,
    from ref('asked_gaps') as g
    inner join ref('register_spans') as s
        on s.channel_no = g.channel_no
        and s.read_to >= g.gap_to
        and s.end_quality = 'measured'
    group by g.channel_no, g.gap_from, g.gap_to
),

-- reads in between, estimated ones too, do not matter: advances add up
covered as (
    select
        b.channel_no,
        b.gap_from,
        b.gap_to,
        b.read_from,
        e.read_to,
        min(s.from_day) as from_day,
        max(s.to_day) as to_day,
        sum(s.advance_kwh) as advance_kwh,
        count(*) as span_count,
        count(s.advance_kwh) as known_count,
    from begun as b
    inner join ended as e
        on e.channel_no = b.channel_no and e.gap_from = b.gap_from and e.gap_to = b.gap_to
    inner join ref('register_spans') as s
        on s.channel_no = b.channel_no
        and s.read_from >= b.read_from
        and s.read_to <= e.read_to
    group by b.channel_no, b.gap_from, b.gap_to, b.read_from, e.read_to
)

select
    channel_no,
    gap_from,
    gap_to,
    read_from,
    read_to,
    from_day,
    to_day,
    cast(advance_kwh as decimal(28, 6)) as advance_kwh,
from covered
where known_count = span_count
