with

newest_ends as (
    select
        v.feed_id,
        v.channel_no,
        v.interval_minutes,
        v.received_at,
        max(v.period_from) as period_from,
    from ref('reading_versions') as v
    inner join ref('channels') as c
        on
            c.channel_no = v.channel_no
            and (c.valid_from is null or c.valid_from <= v.period_from)
            and (c.valid_to is null or c.valid_to > v.period_from)
    where v.quality = 'measured'
    group by v.feed_id, v.channel_no, v.interval_minutes, v.received_at
),

-- numbers, because there may be as many deliveries as intervals, and names are slow to compare
numbers as (
    select distinct
        channel_no,
        min(channel_no) over (partition by meter_id) as meter_no,
        min(channel_no) over (partition by meter_id, metering_point_id) as installation_no,
    from ref('channels')
),

ends as (
    select
        e.feed_id,
        case when f.names_meters = 1 then n.meter_no else n.installation_no end as device_no,
        e.interval_minutes,
        instant_us(e.received_at) as received_us,
        instant_us(e.period_from) + e.interval_minutes * cast(60000000 as bigint) as end_us,
    from newest_ends as e
    inner join ref('drift_feeds') as f on f.feed_id = e.feed_id
    inner join numbers as n on n.channel_no = e.channel_no
),

-- what comes within a minute came together, in whichever order its files were taken
deliveries as (
    select
        feed_id,
        device_no,
        interval_minutes,
        int_div(received_us, 60000000) as received_minute,
        max(end_us) as end_us,
        min(received_us - end_us) as age_us,
    from ends
    group by feed_id, device_no, interval_minutes, int_div(received_us, 60000000)
),

-- a repeat, a correction and a filled gap were late for other reasons than a clock
ordered as (
    select
        feed_id,
        device_no,
        interval_minutes,
        received_minute,
        end_us,
        age_us,
        max(end_us) over (
            partition by feed_id, device_no, interval_minutes
            order by received_minute nulls last
            rows between unbounded preceding and 1 preceding
        ) as end_before_us,
    from deliveries
)

select
    feed_id,
    device_no,
    interval_minutes,
    received_minute,
    end_us,
    age_us,
from ordered
where end_before_us is null or end_us > end_before_us
