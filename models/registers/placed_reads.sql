with

validities as (
    select
        channel_no,
        meter_id,
        metering_point_id,
        register_id,
        coalesce(valid_from, instant_of_us(-9000000000000000)) as valid_from,
        coalesce(valid_to, instant_of_us(9000000000000000)) as valid_to,
    from ref('channels')
),

names as (
    select
        channel_no,
        1 as names_meters,
        meter_id as external_key,
        register_id,
        valid_from,
        valid_to,
    from validities
    union all
    select
        channel_no,
        0 as names_meters,
        metering_point_id as external_key,
        register_id,
        valid_from,
        valid_to,
    from validities
),

-- the last read of a meter stands at the very end of its validity, unless the next one of the same
-- name begins there
named as (
    select
        n.channel_no,
        n.names_meters,
        n.external_key,
        n.register_id,
        n.valid_from,
        n.valid_to,
        case when f.external_key is null then 1 else 0 end as has_last_read,
    from names as n
    left join (
        select names_meters, external_key, register_id, valid_from
        from names
        group by names_meters, external_key, register_id, valid_from
    ) as f
        on f.names_meters = n.names_meters
        and f.external_key = n.external_key
        and f.register_id = n.register_id
        and f.valid_from = n.valid_to
),

keyed as (
    select
        v.*,
        f.names_meters,
        o.external_key,
        o.register_id,
    from ref('register_versions') as v
    inner join ref('feed_naming') as f on f.feed_id = v.feed_id
    inner join (
        select channel_no, names_meters, external_key, register_id
        from names
        group by channel_no, names_meters, external_key, register_id
    ) as o
        on o.channel_no = v.channel_no
        and o.names_meters = f.names_meters
)

select
    k.market_day,
    n.channel_no,
    k.read_at as period_from,
    cast(0 as smallint) as interval_minutes,
    k.index_kwh as kwh,
    k.quality,
    k.source_code,
    k.feed_id,
    k.version_stamp,
    k.sequence,
    k.ordinal,
    k.received_at,
    k.channel_no as received_channel_no,
from keyed as k
inner join named as n
    on n.names_meters = k.names_meters
    and n.external_key = k.external_key
    and n.register_id = k.register_id
    and k.read_at >= n.valid_from
    and (k.read_at < n.valid_to or (k.read_at = n.valid_to and n.has_last_read = 1))
