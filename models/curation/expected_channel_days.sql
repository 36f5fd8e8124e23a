with

channels as (
    select
        channel_no,
        interval_minutes,
        cast(interval_minutes as bigint) * 60000000 as interval_us,
        coalesce(instant_us(valid_from), -9000000000000000) as valid_from_us,
        coalesce(instant_us(valid_to), 9000000000000000) as valid_to_us,
        expected_from,
    from ref('channels')
),

job_days as (
    select
        p.market_day,
        p.first_channel_no,
        p.end_channel_no,
        d.day_from_us,
        d.day_to_us,
    from ref('job_partitions') as p
    inner join ref('market_days') as d on d.market_day = p.market_day
    where p.is_expected = 1
),

clipped as (
    select
        j.market_day,
        c.channel_no,
        c.interval_minutes,
        c.interval_us,
        j.day_from_us,
        j.day_to_us,
        int_div(j.day_to_us - j.day_from_us, c.interval_us) as whole_count,
        greatest(c.valid_from_us, j.day_from_us) as expected_from_us,
        least(c.valid_to_us, j.day_to_us) as expected_to_us,
    from job_days as j
    inner join channels as c
        on c.channel_no >= j.first_channel_no
        and c.channel_no < j.end_channel_no
        and c.valid_from_us < j.day_to_us
        and c.valid_to_us > j.day_from_us
        and (c.expected_from is null or c.expected_from <= j.market_day)
)

select
    market_day,
    channel_no,
    interval_minutes,
    interval_us,
    day_from_us,
    day_to_us,
    expected_from_us,
    expected_to_us,
    cast(
        least(int_div_up(expected_to_us - day_from_us, interval_us), whole_count)
        - least(int_div_up(expected_from_us - day_from_us, interval_us), whole_count) as integer
    ) as expected_count,
from clipped
