with

readings as (
    select
        v.feed_id,
        case when f.names_meters = 1 then c.meter_id else c.metering_point_id end as device,
        c.meter_id,
        v.interval_minutes,
        instant_us(v.received_at) as received_us,
        instant_us(v.period_from) + v.interval_minutes * cast(60000000 as bigint) as end_us,
    from ref('reading_versions') as v
    inner join ref('drift_feeds') as f on f.feed_id = v.feed_id
    inner join ref('channels') as c
        on
            c.channel_no = v.channel_no
            and (c.valid_from is null or c.valid_from <= v.period_from)
            and (c.valid_to is null or c.valid_to > v.period_from)
    where v.quality = 'measured'
),

newest_ends as (
    select
        feed_id,
        device,
        meter_id,
        interval_minutes,
        received_us,
        max(end_us) as end_us,
    from readings
    group by feed_id, device, meter_id, interval_minutes, received_us
),

-- what comes within a minute came together, in whichever order its files were taken
deliveries as (
    select
        feed_id,
        device,
        meter_id,
        interval_minutes,
        int_div(received_us, 60000000) as received_minute,
        max(end_us) as end_us,
        min(received_us - end_us) as age_us,
    from newest_ends
    group by feed_id, device, meter_id, interval_minutes, int_div(received_us, 60000000)
),

-- a repeat, a correction and a filled gap were late for other reasons than a clock
ordered as (
    select
        feed_id,
        device,
        meter_id,
        interval_minutes,
        received_minute,
        end_us,
        age_us,
        max(end_us) over (
            partition by feed_id, device, meter_id, interval_minutes
            order by received_minute nulls last
            rows between unbounded preceding and 1 preceding
        ) as end_before_us,
    from deliveries
)

select
    feed_id,
    device,
    meter_id,
    interval_minutes,
    received_minute,
    end_us,
    age_us,
from ordered
where end_before_us is null or end_us > end_before_us
