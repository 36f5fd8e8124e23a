with

-- what the days that an estimate may look at come to: where it changes the estimate is made again
terms as (
    select
        g.market_day,
        g.channel_no,
        cast(d.place_no * v.digest_1 as bigint) as digest_1,
        cast(d.place_no * v.digest_2 as bigint) as digest_2,
    from ref('gap_channel_days') as g
    inner join ref('like_days') as d on d.market_day = g.market_day
    inner join ref('source_digests') as v
        on v.channel_no = g.channel_no and v.market_day = d.source_day
    union all
    select
        s.market_day,
        s.channel_no,
        cast(s.digest_1 as bigint) as digest_1,
        cast(s.digest_2 as bigint) as digest_2,
    from ref('span_digests') as s
)

select
    market_day,
    channel_no,
    cast(sum(digest_1) as bigint) as window_digest_1,
    cast(sum(digest_2) as bigint) as window_digest_2,
from terms
group by market_day, channel_no
