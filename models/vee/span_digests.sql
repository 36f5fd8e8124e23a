with

-- one row per channel, day and span whose intervals without a value it decides about
day_spans as (
    select distinct
        g.market_day,
        g.channel_no,
        s.read_from,
    from ref('gap_channel_days') as g
    inner join ref('span_runs') as r
        on r.market_day = g.market_day and r.channel_no = g.channel_no
    inner join ref('gap_spans') as s
        on s.channel_no = r.channel_no
        and r.run_from_us < s.span_to_us
        and r.run_to_us > s.span_from_us
),

placed_days as (
    select
        d.channel_no,
        d.read_from,
        d.market_day,
        day_no(d.market_day) - day_no(s.from_day) + 1 as place_no,
        c.is_covered,
    from ref('gap_span_days') as d
    inner join ref('gap_spans') as s
        on s.channel_no = d.channel_no and s.read_from = d.read_from
    inner join ref('span_calendar') as c on c.market_day = d.market_day
),

terms as (
    -- to the second
    select
        channel_no,
        read_from,
        reading_digest_1(span_from_us * 60, known_kwh, 'measured', 0) as digest_1,
        reading_digest_2(span_from_us * 60, known_kwh, 'measured', 0) as digest_2,
    from (
        select
            *,
            case when advance_kwh < 10000000000 then advance_kwh else 0 end as known_kwh,
        from ref('gap_spans')
    ) as s
    union all
    select
        channel_no,
        read_from,
        reading_digest_1(span_to_us * 60, 0, 'estimated', 0) as digest_1,
        reading_digest_2(span_to_us * 60, 0, 'estimated', 0) as digest_2,
    from ref('gap_spans')
    union all
    select
        d.channel_no,
        d.read_from,
        d.place_no * v.digest_1 as digest_1,
        d.place_no * v.digest_2 as digest_2,
    from placed_days as d
    inner join ref('source_digests') as v
        on v.channel_no = d.channel_no and v.market_day = d.market_day
    union all
    select
        channel_no,
        read_from,
        place_no * is_covered as digest_1,
        place_no * place_no * is_covered as digest_2,
    from placed_days
    union all
    select
        d.channel_no,
        d.read_from,
        reading_digest_1(r.run_from_us, 0, 'missing', r.slot_count) as digest_1,
        reading_digest_2(r.run_from_us, 0, 'missing', r.slot_count) as digest_2,
    from placed_days as d
    inner join ref('span_runs') as r
        on r.channel_no = d.channel_no and r.market_day = d.market_day
    union all
    select
        d.channel_no,
        d.read_from,
        l.place_no * v.digest_1 as digest_1,
        l.place_no * v.digest_2 as digest_2,
    from placed_days as d
    inner join (select distinct market_day, channel_no from ref('span_runs')) as r
        on r.channel_no = d.channel_no and r.market_day = d.market_day
    inner join ref('like_days') as l on l.market_day = d.market_day
    inner join ref('source_digests') as v
        on v.channel_no = d.channel_no and v.market_day = l.source_day
    union all
    select
        d.channel_no,
        d.read_from,
        reading_digest_1(e.end_from_us, e.kwh, e.quality, e.interval_minutes) as digest_1,
        reading_digest_2(e.end_from_us, e.kwh, e.quality, e.interval_minutes) as digest_2,
    from placed_days as d
    inner join ref('line_ends') as e
        on e.channel_no = d.channel_no and e.market_day = d.market_day
    where e.end_day <> e.market_day
    union all
    select
        d.channel_no,
        d.read_from,
        d.place_no * c.digest_1 as digest_1,
        d.place_no * c.digest_2 as digest_2,
    from placed_days as d
    inner join ref('shape_classes') as c
        on c.channel_no = d.channel_no
        and d.market_day >= c.from_day
        and d.market_day < c.to_day
),

spans as (
    select
        channel_no,
        read_from,
        sum(digest_1) as digest_1,
        sum(digest_2) as digest_2,
    from terms
    group by channel_no, read_from
)

select
    d.market_day,
    d.channel_no,
    cast(sum(s.digest_1) as bigint) as digest_1,
    cast(sum(s.digest_2) as bigint) as digest_2,
from day_spans as d
inner join spans as s on s.channel_no = d.channel_no and s.read_from = d.read_from
group by d.market_day, d.channel_no
