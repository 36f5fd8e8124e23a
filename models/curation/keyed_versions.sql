with

versions as (
    select
        market_day,
        channel_no,
        period_from,
        interval_minutes,
        kwh,
        quality,
        source_code,
        feed_id,
        version_stamp,
        sequence,
        ordinal,
        received_at,
    from ref('job_versions')
)

select
    market_day,
    channel_no,
    period_from,
    interval_minutes,
    kwh,
    quality,
    source_code,
    feed_id,
    version_stamp,
    sequence,
    ordinal,
    received_at,
    count(*) over (partition by market_day, channel_no, period_from) > 1 as is_contested,
from versions
