select
    v.market_day,
    v.channel_no,
    v.period_from,
    v.interval_minutes,
    v.kwh,
    v.quality,
    v.source_code,
    v.feed_id,
    v.version_stamp,
    v.sequence,
    v.ordinal,
    v.received_at,
    f.rank as feed_rank,
    -- no contract may give a rank above 1000: a person's edits alone have one. A withdrawal
    -- among them takes back the edit of the same stamp
    case when f.rank > 1000 and v.quality = 'withdrawn' then 1 else 0 end
        as is_retraction,
    case when v.quality = 'estimated' and f.newest_always = 0 then 0 else 1 end as class_rank,
    case when v.version_stamp is null then v.sequence end as receipt_sequence,
    case when v.version_stamp is null then v.ordinal end as receipt_ordinal,
from ref('job_versions') as v
inner join ref('contested_keys') as k
    on k.channel_no = v.channel_no and same_instant(k.period_from, v.period_from)
inner join ref('feed_precedence') as f on f.feed_id = v.feed_id
