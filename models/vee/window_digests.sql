with

-- what the days that an estimate may look at come to: where it changes the estimate is made again
like_digests as (
    select
        g.market_day,
        g.channel_no,
        sum(d.place_no * v.digest_1) as digest_1,
        sum(d.place_no * v.digest_2) as digest_2,
    from ref('gap_channel_days') as g
    inner join ref('like_days') as d on d.market_day = g.market_day
    inner join ref('source_digests') as v
        on v.channel_no = g.channel_no and v.market_day = d.source_day
    group by g.market_day, g.channel_no
),

-- beyond midnight a line looks at one value of the day
line_digests as (
    select
        market_day,
        channel_no,
        sum(reading_digest_1(end_from_us, kwh, quality, interval_minutes)) as digest_1,
        sum(reading_digest_2(end_from_us, kwh, quality, interval_minutes)) as digest_2,
    from ref('line_ends')
    where end_day <> market_day
    group by market_day, channel_no
),

-- what load shapes go by beside their values
shape_terms as (
    select
        g.market_day,
        g.channel_no,
        c.digest_1,
        c.digest_2,
    from ref('gap_channel_days') as g
    inner join ref('shape_classes') as c
        on c.channel_no = g.channel_no
        and g.market_day >= c.from_day
        and g.market_day < c.to_day
    union all
    select
        g.market_day,
        g.channel_no,
        reading_digest_1(cast(0 as bigint), n.annual_kwh, 'estimated', 0) as digest_1,
        reading_digest_2(cast(0 as bigint), n.annual_kwh, 'estimated', 0) as digest_2,
    from ref('gap_channel_days') as g
    inner join ref('annual_consumptions') as n
        on n.channel_no = g.channel_no
        and g.market_day >= n.from_day
        and g.market_day < n.to_day
),

shape_digests as (
    select
        market_day,
        channel_no,
        sum(digest_1) as digest_1,
        sum(digest_2) as digest_2,
    from shape_terms
    group by market_day, channel_no
)

select
    g.market_day,
    g.channel_no,
    cast(
        coalesce(l.digest_1, 0)
        + coalesce(s.digest_1, 0)
        + coalesce(e.digest_1, 0)
        + coalesce(c.digest_1, 0) as bigint
    ) as window_digest_1,
    cast(
        coalesce(l.digest_2, 0)
        + coalesce(s.digest_2, 0)
        + coalesce(e.digest_2, 0)
        + coalesce(c.digest_2, 0) as bigint
    ) as window_digest_2,
from ref('gap_channel_days') as g
left join like_digests as l on l.market_day = g.market_day and l.channel_no = g.channel_no
left join ref('span_digests') as s
    on s.market_day = g.market_day and s.channel_no = g.channel_no
left join line_digests as e on e.market_day = g.market_day and e.channel_no = g.channel_no
left join shape_digests as c on c.market_day = g.market_day and c.channel_no = g.channel_no
where
    l.channel_no is not null
    or s.channel_no is not null
    or e.channel_no is not null
    or c.channel_no is not null
