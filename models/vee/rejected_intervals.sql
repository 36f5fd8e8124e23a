with

-- where nothing rejects this has no rows, and the readings are not read
days as (
    select
        market_day,
        channel_no,
    from ref('failed_days')
    where may_reject = 1
    group by market_day, channel_no
)

select
    j.market_day,
    j.channel_no,
    j.period_from,
    j.interval_minutes,
    j.kwh,
    j.quality,
    j.source_code,
    j.flags,
    j.feed_id,
    j.sequence,
    j.received_at,
from ref('judged_versions') as j
inner join days as d on d.market_day = j.market_day and d.channel_no = j.channel_no
where j.is_rejected = 1
