-- what the days that an estimate may look at come to: where it changes the estimate is made again
select
    g.market_day,
    g.channel_no,
    cast(sum(d.place_no * v.digest_1) as bigint) as window_digest_1,
    cast(sum(d.place_no * v.digest_2) as bigint) as window_digest_2,
from ref('gap_channel_days') as g
inner join ref('like_days') as d on d.market_day = g.market_day
inner join ref('source_digests') as v
    on v.channel_no = g.channel_no and v.market_day = d.source_day
group by g.market_day, g.channel_no
