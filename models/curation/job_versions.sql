with

validities as (
    select
        channel_no,
        coalesce(valid_from, instant_of_us(-9000000000000000)) as valid_from,
        coalesce(valid_to, instant_of_us(9000000000000000)) as valid_to,
    from ref('channels')
)

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
from ref('partition_versions') as v
inner join validities as c
    on c.channel_no = v.channel_no
    and v.period_from >= c.valid_from
    and v.period_from < c.valid_to
