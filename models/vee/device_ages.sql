with

deliveries as (
    select
        d.feed_id,
        d.device_no,
        d.interval_minutes,
        case when d.age_us <= l.age_max_us then d.age_us end as age_us,
    from ref('device_deliveries') as d
    cross join ref('drift_limits') as l
),

ages as (
    select
        feed_id,
        device_no,
        interval_minutes,
        count(*) as delivery_count,
        count(age_us) as judged_count,
        min(age_us) as least_age_us,
        cast(floor(median(age_us)) as bigint) as usual_age_us,
    from deliveries
    group by feed_id, device_no, interval_minutes
),

names as (
    select distinct
        channel_no,
        meter_id,
        metering_point_id,
    from ref('channels')
)

select
    a.feed_id,
    case when f.names_meters = 1 then n.meter_id else n.metering_point_id end as device,
    n.meter_id,
    a.interval_minutes,
    a.delivery_count,
    a.judged_count,
    a.least_age_us,
    a.usual_age_us - a.least_age_us as spread_us,
    int_div(
        (a.usual_age_us - a.least_age_us) * l.sampling_factor,
        case when a.judged_count > 0 then a.judged_count else 1 end
    ) as sampling_us,
from ages as a
inner join ref('drift_feeds') as f on f.feed_id = a.feed_id
inner join names as n on n.channel_no = a.device_no
cross join ref('drift_limits') as l
