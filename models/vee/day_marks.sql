with

days as (
    select
        market_day,
        day_no(market_day) as day_no,
        channel_no,
        kwh,
        case
            when expected_count > 0 and measured_count = expected_count then 1 else 0
        end as is_whole,
        case when expected_count > 0 then 1 else 0 end as is_expected,
        case when estimated_count > 0 and measured_count = 0 then 1 else 0 end as is_estimated,
    from ref('window_days')
),

judged as (
    select
        d.market_day,
        d.day_no,
        d.channel_no,
        d.kwh,
        d.is_whole,
        d.is_estimated,
        coalesce(k.class_name, '') as class_name,
    from days as d
    inner join ref('mark_partitions') as p
        on
            p.market_day = d.market_day
            and d.channel_no >= p.first_channel_no
            and d.channel_no < p.end_channel_no
    left join ref('channel_classes') as k
        on k.channel_no = d.channel_no and d.market_day >= k.from_day and d.market_day < k.to_day
    where d.is_whole = 1 or d.is_estimated = 1
),

-- what the same weekday of the weeks before had, for each whole day
weeks as (select cast(id as integer) as week_no from range(1, 9) as w(id)),

compared as (
    select
        j.market_day,
        j.channel_no,
        j.kwh,
        s.high_low_severity,
        s.high_low_weeks_min,
        s.high_thousandths,
        s.low_thousandths,
        s.high_low_least_wh,
        sum(o.kwh) as compared_kwh,
        count(*) as day_count,
    from judged as j
    inner join ref('rule_settings') as s on s.class_name = j.class_name
    inner join weeks as w on w.week_no <= s.high_low_weeks
    inner join days as o
        on o.channel_no = j.channel_no and o.day_no = j.day_no - 7 * w.week_no
    where j.is_whole = 1 and o.is_whole = 1 and s.high_low_severity is not null
    group by
        j.market_day,
        j.channel_no,
        j.kwh,
        s.high_low_severity,
        s.high_low_weeks_min,
        s.high_thousandths,
        s.low_thousandths,
        s.high_low_least_wh
),

-- percentages of a mean are compared without a division: both sides times the number of days.
-- All that is compared has one scale: of two, Spark takes the smaller, and rounds the other side
bands as (
    select
        market_day,
        channel_no,
        high_low_severity,
        kwh,
        compared_kwh,
        day_count,
        high_low_weeks_min,
        kwh * cast(day_count * 100000 as decimal(38, 0)) as day_side,
        compared_kwh * cast(high_thousandths as decimal(38, 0)) as high_side,
        compared_kwh * cast(low_thousandths as decimal(38, 0)) as low_side,
        kwh * cast(1000 as decimal(38, 0)) as day_wh,
        compared_kwh * cast(1000 as decimal(38, 0)) as compared_wh,
        cast(high_low_least_wh as decimal(38, 6)) as least_wh,
        cast(high_low_least_wh * day_count as decimal(38, 6)) as compared_least_wh,
    from compared
),

runs as (
    select
        j.market_day,
        j.channel_no,
        j.kwh,
        s.prolonged_severity,
        s.prolonged_days,
        count(*) as day_count,
    from judged as j
    inner join ref('rule_settings') as s on s.class_name = j.class_name
    inner join days as o
        on
            o.channel_no = j.channel_no
            and o.day_no <= j.day_no
            and o.day_no >= j.day_no - s.prolonged_days
    where j.is_estimated = 1 and o.is_estimated = 1 and s.prolonged_severity is not null
    group by j.market_day, j.channel_no, j.kwh, s.prolonged_severity, s.prolonged_days
),

-- days on which every channel of the main and of the check meter is whole
pairs as (
    select
        p.pair,
        d.market_day,
        sum(case when p.is_check = 0 then d.kwh end) as main_kwh,
        sum(case when p.is_check = 1 then d.kwh end) as check_kwh,
        count(case when p.is_check = 1 then 1 end) as check_count,
    from days as d
    inner join ref('check_pairs') as p
        on
            p.channel_no = d.channel_no
            and d.market_day >= p.from_day
            and d.market_day < p.to_day
    where d.is_expected = 1
    group by p.pair, d.market_day
    having min(d.is_whole) = 1
),

checked as (
    select
        j.market_day,
        j.channel_no,
        j.kwh,
        s.check_severity,
        q.check_kwh,
        q.check_count,
        abs(q.main_kwh - q.check_kwh) * cast(100000 as decimal(38, 0)) as difference_side,
        abs(q.main_kwh) * cast(s.check_thousandths as decimal(38, 0)) as tolerance_side,
        abs(q.main_kwh - q.check_kwh) * cast(1000 as decimal(38, 0)) as difference_wh,
        cast(s.check_least_wh as decimal(38, 6)) as least_wh,
    from judged as j
    inner join ref('rule_settings') as s on s.class_name = j.class_name
    inner join ref('check_pairs') as p
        on
            p.channel_no = j.channel_no
            and p.is_check = 0
            and j.market_day >= p.from_day
            and j.market_day < p.to_day
    inner join pairs as q on q.pair = p.pair and q.market_day = j.market_day
    where j.is_whole = 1 and q.check_count > 0 and s.check_severity is not null
),

marks as (
    select
        market_day,
        channel_no,
        'vee.high-low' as rule_id,
        high_low_severity as severity,
        kwh,
        compared_kwh,
        day_count,
    from bands
    where
        day_count >= high_low_weeks_min
        and (
            day_side > high_side and day_wh >= least_wh
            or day_side < low_side and compared_wh >= compared_least_wh
        )
    union all
    select
        market_day,
        channel_no,
        'vee.prolonged-estimation' as rule_id,
        prolonged_severity as severity,
        kwh,
        cast(null as decimal(38, 6)) as compared_kwh,
        day_count,
    from runs
    where day_count > prolonged_days
    union all
    select
        market_day,
        channel_no,
        'vee.main-check' as rule_id,
        check_severity as severity,
        kwh,
        check_kwh as compared_kwh,
        check_count as day_count,
    from checked
    where difference_side > tolerance_side and difference_wh > least_wh
)

select
    market_day,
    channel_no,
    rule_id,
    severity,
    cast(kwh as decimal(38, 6)) as kwh,
    cast(compared_kwh as decimal(38, 6)) as compared_kwh,
    cast(day_count as integer) as day_count,
from marks
