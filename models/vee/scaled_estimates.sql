with

weighed as (
    select
        s.market_day,
        s.channel_no,
        s.run_no,
        s.is_own,
        s.interval_minutes,
        s.slot_no,
        s.slot_from_us,
        t.read_from,
        t.read_to,
        t.advance_kwh,
        t.measured_kwh,
        t.rest_micro,
        v.micro_kwh,
    from ref('span_slots') as s
    inner join ref('span_totals') as t
        on t.channel_no = s.channel_no and t.read_from = s.read_from
    left join ref('shape_values') as v
        on v.channel_no = s.channel_no and v.slot_from_us = s.slot_from_us
),

-- a shape has something for every interval, and is somewhere more than nothing
spans as (
    select
        channel_no,
        read_from,
        sum(micro_kwh) as micro_sum,
        sum(cast(interval_minutes as bigint)) as minute_sum,
        case
            when
                count(micro_kwh) = count(*)
                and min(micro_kwh) >= 0
                and (sum(micro_kwh) > 0 or max(rest_micro) = 0)
                then 'register-scaled'
            else 'flat'
        end as method,
    from weighed
    group by channel_no, read_from
),

shaped as (
    select
        s.channel_no,
        s.read_from,
        s.method,
        case when s.method = 'flat' then s.minute_sum else s.micro_sum end as weight_sum,
    from spans as s
    inner join ref('estimation_methods') as m on m.method = s.method
),

weighted as (
    select
        w.*,
        c.method,
        c.weight_sum,
        case when c.method = 'flat' then cast(w.interval_minutes as bigint) else w.micro_kwh end
            as weight,
    from weighed as w
    inner join shaped as c on c.channel_no = w.channel_no and c.read_from = w.read_from
),

summed as (
    select
        *,
        sum(weight) over (
            partition by channel_no, read_from
            order by slot_from_us nulls last
            rows between unbounded preceding and current row
        ) as weight_until,
    from weighted
),

-- shares of a total are rounded cumulatively, so that they add up to it
shared as (
    select
        *,
        cast(
            half_even_quotient(
                wide_whole(rest_micro) * wide_whole(weight_until),
                greatest(wide_whole(weight_sum), 1)
            ) as bigint
        ) as share_until,
        cast(
            half_even_quotient(
                wide_whole(rest_micro) * wide_whole(weight_until - weight),
                greatest(wide_whole(weight_sum), 1)
            ) as bigint
        ) as share_before,
    from summed
)

select
    market_day,
    channel_no,
    run_no,
    slot_no,
    slot_from_us,
    interval_minutes,
    share_until - share_before as micro_kwh,
    read_from,
    read_to,
    advance_kwh,
    measured_kwh,
    method,
from shared
where is_own = 1
