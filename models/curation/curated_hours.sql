with

clipped_hours as (
    select
        i.market_day,
        i.channel_no,
        h.hour_no,
        i.interval_us,
        i.day_from_us,
        i.whole_count,
        greatest(i.expected_from_us, h.hour_from_us) as from_us,
        least(i.expected_to_us, h.hour_to_us) as to_us,
    from ref('incomplete_days') as i
    inner join ref('day_hours') as h on h.market_day = i.market_day
),

expected_hours as (
    select
        market_day,
        channel_no,
        hour_no,
        least(int_div_up(to_us - day_from_us, interval_us), whole_count)
        - least(int_div_up(from_us - day_from_us, interval_us), whole_count) as expected_count,
    from clipped_hours
    where to_us > from_us
),

full_hours as (
    select
        p.market_day,
        p.channel_no,
        p.hour_no,
        p.kwh,
        p.measured_kwh,
        p.estimated_kwh,
        p.present_count as expected_count,
        p.measured_count,
        p.estimated_count,
    from ref('present_hours') as p
    left join ref('incomplete_days') as i
        on i.market_day = p.market_day and i.channel_no = p.channel_no
    where i.channel_no is null
),

partial_hours as (
    select
        coalesce(e.market_day, p.market_day) as market_day,
        coalesce(e.channel_no, p.channel_no) as channel_no,
        coalesce(e.hour_no, p.hour_no) as hour_no,
        p.kwh,
        p.measured_kwh,
        p.estimated_kwh,
        greatest(coalesce(e.expected_count, 0), coalesce(p.present_count, 0)) as expected_count,
        coalesce(p.measured_count, 0) as measured_count,
        coalesce(p.estimated_count, 0) as estimated_count,
    from (
        select p.*
        from ref('present_hours') as p
        inner join ref('incomplete_days') as i
            on i.market_day = p.market_day and i.channel_no = p.channel_no
    ) as p
    full outer join (select * from expected_hours where expected_count > 0) as e
        on e.market_day = p.market_day and e.channel_no = p.channel_no and e.hour_no = p.hour_no
),

hours as (
    select * from full_hours
    union all
    select * from partial_hours
)

select
    h.market_day,
    h.channel_no,
    instant_of_us(d.day_from_us + h.hour_no * 3600000000) as hour_from,
    cast(h.kwh as decimal(38, 6)) as kwh,
    cast(h.measured_kwh as decimal(38, 6)) as measured_kwh,
    cast(h.estimated_kwh as decimal(38, 6)) as estimated_kwh,
    cast(h.expected_count as integer) as expected_count,
    cast(h.measured_count as integer) as measured_count,
    cast(h.estimated_count as integer) as estimated_count,
    cast(h.expected_count - h.measured_count - h.estimated_count as integer) as missing_count,
from hours as h
inner join ref('market_days') as d on d.market_day = h.market_day
