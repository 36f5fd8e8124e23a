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
)

select
    g.market_day,
    g.channel_no,
    cast(coalesce(l.digest_1, 0) + coalesce(s.digest_1, 0) as bigint) as window_digest_1,
    cast(coalesce(l.digest_2, 0) + coalesce(s.digest_2, 0) as bigint) as window_digest_2,
from ref('gap_channel_days') as g
left join like_digests as l on l.market_day = g.market_day and l.channel_no = g.channel_no
left join ref('span_digests') as s
    on s.market_day = g.market_day and s.channel_no = g.channel_no
where l.channel_no is not null or s.channel_no is not null
