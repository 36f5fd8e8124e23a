with

readings as (
    select
        -- point, and day from 1, or 0 for the whole period
        cast(c.point_no as bigint) * 65536
        + case when c.is_by_day then day_no(r.market_day) + 1 else 0 end as point_day,
        cast(
            int_div(instant_us(r.period_from), 300000000) - c.slot_origin as integer
        ) as slot_key,
        r.kwh,
        r.quality,
    from ref('period_reads') as r
    inner join ref('rated_channels') as c on c.channel_no = r.channel_no
),

-- one number for point, day and class: to group by it takes three quarters of the time of three
sums as (
    select
        r.point_day * 1048576 + s.class_no as point_day_class,
        sum(r.kwh) as kwh,
        sum(r.kwh) filter (where r.quality <> 'measured') as estimated_kwh,
        count(*) as interval_count,
    from readings as r
    inner join ref('rate_slots') as s on s.slot_key = r.slot_key
    group by r.point_day * 1048576 + s.class_no
),

parts as (
    select
        int_div(point_day_class, 1048576) as point_day,
        cast(point_day_class % 1048576 as integer) as class_no,
        kwh,
        estimated_kwh,
        interval_count,
    from sums
)

select
    cast(int_div(point_day, 65536) as integer) as point_no,
    case when point_day % 65536 > 0 then date_of_day_no(point_day % 65536 - 1) end as service_day,
    class_no,
    cast(kwh as decimal(38, 6)) as kwh,
    cast(coalesce(estimated_kwh, 0) as decimal(38, 6)) as estimated_kwh,
    interval_count,
from parts
