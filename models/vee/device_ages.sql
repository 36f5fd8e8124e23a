with

deliveries as (
    select
        d.feed_id,
        d.device,
        d.meter_id,
        d.interval_minutes,
        case when d.age_us <= l.age_max_us then d.age_us end as age_us,
    from ref('device_deliveries') as d
    cross join ref('drift_limits') as l
),

ages as (
    select
        feed_id,
        device,
        meter_id,
        interval_minutes,
        count(*) as delivery_count,
        count(age_us) as judged_count,
        min(age_us) as least_age_us,
        cast(floor(median(age_us)) as bigint) as usual_age_us,
    from deliveries
    group by feed_id, device, meter_id, interval_minutes
)

select
    a.feed_id,
    a.device,
    a.meter_id,
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
cross join ref('drift_limits') as l
