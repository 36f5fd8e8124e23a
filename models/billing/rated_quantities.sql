with

readings as (
    select
        c.point_no,
        case when c.is_by_day then r.market_day end as service_day,
        cast(int_div(instant_us(r.period_from), 300000000) - c.slot_origin as integer) as slot_key,
        r.kwh,
        r.quality,
    from ref('period_reads') as r
    inner join ref('rated_channels') as c on c.channel_no = r.channel_no
)

select
    r.point_no,
    r.service_day,
    s.class_no,
    cast(sum(r.kwh) as decimal(38, 6)) as kwh,
    cast(
        coalesce(sum(r.kwh) filter (where r.quality <> 'measured'), 0) as decimal(38, 6)
    ) as estimated_kwh,
    count(*) as interval_count,
from readings as r
inner join ref('rate_slots') as s on s.slot_key = r.slot_key
group by r.point_no, r.service_day, s.class_no
