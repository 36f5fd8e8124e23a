with

compared as (
    select
        a.feed_id,
        a.device,
        a.meter_id,
        a.interval_minutes,
        a.judged_count,
        a.least_age_us,
        a.spread_us,
        a.sampling_us,
        f.is_backfill,
        l.limit_us,
        l.deliveries_min,
        u.spread_us as usual_spread_us,
        u.sampling_us as usual_sampling_us,
        u.least_age_us - a.least_age_us as ahead_us,
        -- where a whole feed ends its intervals after their receipt, its contract is at fault
        case when u.least_age_us < 0 then u.least_age_us else 0 end - a.least_age_us
            as certain_ahead_us,
    from ref('device_ages') as a
    inner join ref('drift_feeds') as f on f.feed_id = a.feed_id
    cross join ref('drift_limits') as l
    left join ref('usual_ages') as u
        on
            u.feed_id = a.feed_id
            and u.interval_minutes = a.interval_minutes
            and u.device_count >= l.devices_min
)

select
    feed_id,
    device,
    meter_id,
    interval_minutes,
    judged_count,
    least_age_us,
    spread_us,
    ahead_us,
    certain_ahead_us,
    case
        when is_backfill = 1 then 'back-fill'
        when judged_count = 0 then 'too-old'
        when certain_ahead_us > limit_us then 'certain'
        when judged_count < deliveries_min then 'few-deliveries'
        when ahead_us is null then 'few-devices'
        when ahead_us > limit_us + usual_sampling_us then 'likely'
        when -ahead_us <= limit_us + sampling_us then 'within'
        when spread_us > usual_spread_us + limit_us then 'unclear'
        else 'likely'
    end as verdict,
from compared
