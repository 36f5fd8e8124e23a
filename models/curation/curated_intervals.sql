select
    market_day,
    channel_no,
    period_from,
    interval_minutes,
    kwh,
    quality,
    source_code,
    flags,
    feed_id,
    sequence,
    received_at,
from ref('judged_versions')
where is_rejected = 0
