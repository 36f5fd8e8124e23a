select
    market_day,
    channel_no,
    period_from as read_at,
    kwh as index_kwh,
    quality,
    source_code,
    flags,
    feed_id,
    sequence,
    received_at,
from ref('read_outcomes')
where outcome = 'winning'
