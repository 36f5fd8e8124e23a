with

numbered as (
    select
        channel_no,
        market_day,
        read_at,
        index_kwh,
        quality,
        feed_id,
        0 as skips_estimates,
        row_number() over (partition by channel_no order by read_at nulls last) as read_no,
    from ref('curated_reads')
),

-- each read follows the one before it; and each measured read the measured one before it
chained as (
    select * from numbered
    union all
    select
        channel_no,
        market_day,
        read_at,
        index_kwh,
        quality,
        feed_id,
        1 as skips_estimates,
        read_no,
    from numbered
    where quality = 'measured'
),

paired as (
    select
        channel_no,
        skips_estimates,
        market_day as to_day,
        read_at as read_to,
        index_kwh as end_kwh,
        quality as end_quality,
        feed_id,
        lag(market_day) over (
            partition by channel_no, skips_estimates order by read_at nulls last
        ) as from_day,
        lag(read_at) over (
            partition by channel_no, skips_estimates order by read_at nulls last
        ) as read_from,
        lag(index_kwh) over (
            partition by channel_no, skips_estimates order by read_at nulls last
        ) as start_kwh,
        lag(quality) over (
            partition by channel_no, skips_estimates order by read_at nulls last
        ) as start_quality,
        read_no - 1 - lag(read_no) over (
            partition by channel_no, skips_estimates order by read_at nulls last
        ) as skipped_reads,
    from chained
),

-- a duration in whole minutes, rounded up
timed as (
    select
        *,
        int_div_up(instant_us(read_to) - instant_us(read_from), 60000000) as read_minutes,
    from paired
    -- two measured reads that follow each other are a pair of the first sort
    where read_from is not null and (skips_estimates = 0 or skipped_reads > 0)
),

dialled as (
    select
        p.*,
        d.range_kwh,
        cast(coalesce(d.multiplier, 1) as decimal(12, 4)) as multiplier,
        cast(p.end_kwh - p.start_kwh as decimal(19, 6)) as raw_kwh,
        cast(p.end_kwh - p.start_kwh + d.range_kwh as decimal(19, 6)) as rolled_kwh,
        case when p.start_quality = 'measured' and p.end_quality = 'measured' then 1 else 0 end
            as is_measured,
        -- at the most that the connection can carry
        int_div(p.read_minutes * coalesce(w.rated_watts, s.most_watts), 60) as most_wh,
        case when s.register_maximum_severity is not null then p.read_minutes * w.rated_watts end
            as rated_watt_minutes,
        s.register_maximum_thousandths,
    from timed as p
    left join ref('register_dials') as d on d.channel_no = p.channel_no
    left join ref('channel_ratings') as w
        on w.channel_no = p.channel_no and p.to_day >= w.from_day and p.to_day < w.to_day
    left join ref('channel_classes') as k
        on k.channel_no = p.channel_no and p.to_day >= k.from_day and p.to_day < k.to_day
    inner join ref('rule_settings') as s on s.class_name = coalesce(k.class_name, '')
),

kinds as (
    select
        *,
        case
            when
                is_measured = 0
                and (
                    raw_kwh < 0
                    or cast(raw_kwh * multiplier as decimal(31, 10)) * 1000 > most_wh
                )
                then 'unsettled'
            when raw_kwh >= 0 then 'normal'
            when
                rolled_kwh >= 0
                and start_kwh < range_kwh
                and cast(rolled_kwh * multiplier as decimal(31, 10)) * 1000 <= most_wh
                then 'rollover'
            else 'reverse'
        end as kind,
    from dialled
),

-- an index is multiplied and rounded before it is subtracted, so that advances add up
advanced as (
    select
        *,
        cast(
            case
                when kind in ('normal', 'rollover')
                    then
                        cast(end_kwh * multiplier as decimal(24, 6))
                        - cast(start_kwh * multiplier as decimal(24, 6))
                        + case
                            when kind = 'rollover'
                                then cast(range_kwh * multiplier as decimal(24, 6))
                            else 0
                        end
            end as decimal(24, 6)
        ) as advance_kwh,
    from kinds
)

select
    channel_no,
    read_from,
    read_to,
    from_day,
    to_day,
    start_kwh,
    end_kwh,
    start_quality,
    end_quality,
    feed_id,
    cast(skipped_reads as integer) as skipped_reads,
    kind,
    advance_kwh,
    case when start_kwh >= range_kwh or end_kwh >= range_kwh then 1 else 0 end
        as has_surplus_digits,
    -- 60 minutes, 1000 watts and 100000 thousandths of a percent
    case
        when
            is_measured = 1
            and advance_kwh * cast(6000000000 as decimal(10, 0))
            > cast(rated_watt_minutes as decimal(19, 0))
            * cast(register_maximum_thousandths as decimal(9, 0))
            then 1
        else 0
    end as exceeds_rating,
from advanced
