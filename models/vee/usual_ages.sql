select
    a.feed_id,
    a.interval_minutes,
    count(*) as device_count,
    cast(floor(median(a.least_age_us)) as bigint) as least_age_us,
    cast(floor(median(a.spread_us)) as bigint) as spread_us,
    cast(floor(median(a.sampling_us)) as bigint) as sampling_us,
from ref('device_ages') as a
inner join ref('drift_feeds') as f on f.feed_id = a.feed_id
cross join ref('drift_limits') as l
where f.is_backfill = 0 and a.judged_count >= l.deliveries_min
group by a.feed_id, a.interval_minutes
