with

readings as (
    select
        c.point_no,
        case when c.is_by_day then r.market_day end as service_day,
        cast(int_div(instant_us(r.period_from), 300000000) - c.slot_origin as integer) as slot_key,
        r.kwh,
    from ref('period_reads') as r
    inner join ref('rated_channels') as c on c.channel_no = r.channel_no
    where c.has_interval_prices
),

priced as (
    select
        r.point_no,
        r.service_day,
        s.class_no,
        p.charge_key,
        p.rounding_mode,
        cast(r.kwh * p.price as decimal(38, 18)) as amount,
        cast(r.kwh * p.rounding_price as decimal(37, 18)) as amount_units,
    from readings as r
    inner join ref('rate_slots') as s on s.slot_key = r.slot_key
    inner join ref('interval_prices') as p on p.slot_key = r.slot_key
),

rounded_up as (
    select
        point_no,
        service_day,
        class_no,
        charge_key,
        rounding_mode,
        amount,
        amount_units,
        -- a cast rounds a tie away from zero
        cast(amount_units as decimal(18, 0)) as units_half_up,
    from priced
)

select
    point_no,
    service_day,
    class_no,
    charge_key,
    cast(sum(amount) as decimal(38, 18)) as amount_exact,
    cast(
        sum(
            case
                when rounding_mode = 'half-even'
                    and abs(units_half_up - amount_units) = 0.5
                    and cast(units_half_up as bigint) % 2 <> 0
                    then units_half_up + case when amount_units < 0 then 1 else -1 end
                else units_half_up
            end
        ) as decimal(38, 0)
    ) as rounded_units,
from rounded_up
group by point_no, service_day, class_no, charge_key
