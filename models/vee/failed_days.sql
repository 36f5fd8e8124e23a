with

channels as (
    select
        channel_no,
        max(interval_minutes) as interval_minutes,
        max(flow) as flow,
    from ref('channels')
    group by channel_no
),

days as (
    select
        m.market_day,
        m.channel_no,
        m.measured_count * c.interval_minutes as measured_minutes,
        -- the whole intervals of the day: of 23.5 hours 23 where they are of an hour
        int_div(d.day_to_us - d.day_from_us, cast(c.interval_minutes as bigint) * 60000000)
        * c.interval_minutes as day_minutes,
        c.interval_minutes,
        c.flow,
        m.lowest_kwh,
        m.highest_kwh,
        m.third_highest_kwh,
        micro_kwh(m.highest_kwh) as highest_micro,
        micro_kwh(m.third_highest_kwh) as third_micro,
        instant_us(m.newest_received_at) - d.day_from_us as age_max_us,
        r.rated_watts,
        coalesce(k.class_name, '') as class_name,
    from ref('measured_days') as m
    inner join channels as c on c.channel_no = m.channel_no
    inner join ref('market_days') as d on d.market_day = m.market_day
    left join ref('channel_classes') as k
        on k.channel_no = m.channel_no and m.market_day >= k.from_day and m.market_day < k.to_day
    left join ref('channel_ratings') as r
        on r.channel_no = m.channel_no and m.market_day >= r.from_day and m.market_day < r.to_day
),

-- whole numbers throughout: a value is above an exact limit where its millionths exceed the limit's
limits as (
    select
        d.*,
        s.flat_severity,
        s.zero_severity,
        s.maximum_severity,
        s.spike_severity,
        s.too_old_severity,
        s.too_old_us,
        d.measured_minutes >= least(s.flat_minutes, d.day_minutes) as covers_flat,
        d.measured_minutes >= least(s.zero_minutes, d.day_minutes) as covers_zero,
        int_div(
            coalesce(d.rated_watts, s.maximum_watts) * d.interval_minutes * s.maximum_thousandths,
            6000
        ) as maximum_micro,
        int_div_up(s.spike_watts * d.interval_minutes * 1000, 60) as spike_least_micro,
        cast(d.highest_micro as decimal(38, 0)) * cast(100000 as decimal(38, 0)) as spike_left,
        cast(d.third_micro as decimal(38, 0)) * cast(100000 + s.spike_thousandths as decimal(38, 0))
            as spike_right,
    from days as d
    inner join ref('rule_settings') as s on s.class_name = d.class_name
),

verdicts as (
    select
        market_day,
        channel_no,
        case
            when covers_flat and lowest_kwh = highest_kwh and highest_kwh <> 0
                then flat_severity
        end as flat_severity,
        case
            when
                covers_zero
                and flow = 'to_customer'
                and lowest_kwh = 0
                and highest_kwh = 0
                then zero_severity
        end as zero_severity,
        case when highest_micro > maximum_micro then maximum_severity end as maximum_severity,
        maximum_micro,
        case
            when
                third_micro >= 0
                and highest_micro >= spike_least_micro
                and spike_left > spike_right
                then spike_severity
        end as spike_severity,
        highest_kwh as spike_kwh,
        case when age_max_us > too_old_us then too_old_severity end as too_old_severity,
        too_old_us,
    from limits
),

-- what a person gave is not judged, and back-fill is never too old
of_feeds as (
    select
        v.market_day,
        v.channel_no,
        f.feed_id,
        v.flat_severity,
        v.zero_severity,
        v.maximum_severity,
        v.maximum_micro,
        v.spike_severity,
        v.spike_kwh,
        case when f.is_backfill = 0 then v.too_old_severity end as too_old_severity,
        v.too_old_us,
    from verdicts as v
    cross join ref('feed_precedence') as f
    where
        f.rank <= 1000
        and coalesce(
            v.flat_severity,
            v.zero_severity,
            v.maximum_severity,
            v.spike_severity,
            v.too_old_severity
        ) is not null
)

select
    market_day,
    channel_no,
    feed_id,
    flat_severity,
    zero_severity,
    maximum_severity,
    cast(maximum_micro as bigint) as maximum_micro,
    spike_severity,
    spike_kwh,
    too_old_severity,
    cast(too_old_us as bigint) as too_old_us,
    case
        when
            coalesce(flat_severity, '') = 'estimate'
            or coalesce(zero_severity, '') = 'estimate'
            or coalesce(maximum_severity, '') = 'estimate'
            or coalesce(spike_severity, '') = 'estimate'
            or coalesce(too_old_severity, '') = 'estimate'
            then 1
        else 0
    end as may_reject,
from of_feeds
where
    coalesce(
        flat_severity, zero_severity, maximum_severity, spike_severity, too_old_severity
    ) is not null
