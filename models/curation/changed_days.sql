with

old_days as (
    select
        market_day,
        channel_no,
        digest_1,
        digest_2,
    from ref('previous_reads_daily')
    where measured_count + estimated_count > 0
),

new_days as (
    select
        market_day,
        channel_no,
        digest_1,
        digest_2,
    from ref('next_reads_daily')
    where measured_count + estimated_count > 0
)

select
    coalesce(n.market_day, o.market_day) as market_day,
    coalesce(n.channel_no, o.channel_no) as channel_no,
    o.digest_1 as old_digest_1,
    o.digest_2 as old_digest_2,
    n.digest_1 as new_digest_1,
    n.digest_2 as new_digest_2,
from old_days as o
full outer join new_days as n
    on n.market_day = o.market_day and n.channel_no = o.channel_no
where
    o.digest_1 is distinct from n.digest_1
    or o.digest_2 is distinct from n.digest_2
