-- One sort and a look at both neighbours instead of a window over every key: 99 of 100 keys have one
-- version. The rows stay in the order in which reads_interval is written.
with

sorted as (
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
    order by market_day nulls last, channel_no nulls last, period_from nulls last
),

neighbours as (
    select
        *,
        lag(channel_no) over () as previous_channel_no,
        lag(period_from) over () as previous_period_from,
        lead(channel_no) over () as next_channel_no,
        lead(period_from) over () as next_period_from,
    from sorted
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
    -- the first row has no previous one and the last no next: null there means no
    coalesce(channel_no = previous_channel_no and period_from = previous_period_from, false)
    or coalesce(channel_no = next_channel_no and period_from = next_period_from, false)
        as is_contested,
from neighbours
