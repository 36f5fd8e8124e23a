with

placed as (
    select
        u.market_day,
        u.channel_no,
        u.run_no,
        u.slot_from_us,
        u.interval_minutes,
        c.class_name,
        w.weight,
    from ref('unread_slots') as u
    inner join ref('shape_classes') as c
        on c.channel_no = u.channel_no
        and u.market_day >= c.from_day
        and u.market_day < c.to_day
    inner join ref('shape_weights') as w
        on w.class_name = c.class_name
        and w.market_day = u.market_day
        and w.interval_minutes = u.interval_minutes
        and w.slot_from_us = u.slot_from_us
)

select
    p.market_day,
    p.channel_no,
    p.run_no,
    p.slot_from_us,
    p.interval_minutes,
    cast(
        half_even_quotient(
            wide_whole(t.total_micro) * wide_whole(p.weight), wide_whole(t.total_weight)
        ) as bigint
    ) as micro_kwh,
    p.class_name,
    t.annual_kwh,
from placed as p
inner join ref('shape_totals') as t
    on t.channel_no = p.channel_no
    and t.market_day = p.market_day
    and p.slot_from_us >= t.part_from_us
    and p.slot_from_us < t.part_to_us
where t.total_weight > 0
