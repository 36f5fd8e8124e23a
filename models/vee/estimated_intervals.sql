with

chosen as (
    select market_day, channel_no, slot_from_us, interval_minutes, micro_kwh, method
    from ref('method_values')
    union all
    select market_day, channel_no, slot_from_us, interval_minutes, micro_kwh, method
    from ref('scaled_estimates')
)

select
    market_day,
    channel_no,
    instant_of_us(slot_from_us) as period_from,
    interval_minutes,
    cast(micro_kwh * 0.000001 as decimal(18, 6)) as kwh,
    'estimated' as quality,
    method as source_code,
    cast(null as string) as flags,
    cast(null as smallint) as feed_id,
    cast(null as bigint) as sequence,
    -- an instant, as in the files of readings
    instant_of_us(cast(null as bigint)) as received_at,
from chosen
