with

parts as (
    select
        d.channel_no,
        d.read_from,
        d.read_to,
        i.kwh,
        case when i.quality = 'measured' then 1 else 0 end as measured_count,
        case when i.quality = 'measured' then 0 else 1 end as estimated_count,
    from ref('span_days') as d
    inner join ref('reads_interval') as i
        on i.market_day = d.market_day
        and i.channel_no = d.channel_no
        and i.period_from >= d.read_from
        and i.period_from < d.read_to
    where d.is_whole = 0
    union all
    select
        d.channel_no,
        d.read_from,
        d.read_to,
        r.kwh,
        r.measured_count,
        r.estimated_count,
    from ref('span_days') as d
    inner join ref('reads_daily') as r
        on r.market_day = d.market_day and r.channel_no = d.channel_no
    where d.is_whole = 1
),

sums as (
    select
        channel_no,
        read_from,
        read_to,
        sum(kwh) as interval_kwh,
        sum(measured_count) as measured_count,
        sum(estimated_count) as estimated_count,
    from parts
    group by channel_no, read_from, read_to
),

expected as (
    select
        channel_no,
        read_from,
        read_to,
        sum(expected_count) as expected_count,
    from ref('span_days')
    group by channel_no, read_from, read_to
),

-- the interval in which a register was read is partly before the read and partly after it
ends as (
    select channel_no, read_from, read_to, from_day as market_day, instant_us(read_from) as read_us
    from ref('register_spans')
    union all
    select channel_no, read_from, read_to, to_day as market_day, instant_us(read_to) as read_us
    from ref('register_spans')
),

cuts as (
    select
        e.channel_no,
        e.read_from,
        e.read_to,
        max(i.kwh) as cut_kwh,
    from ends as e
    inner join ref('reads_interval') as i
        on i.market_day = e.market_day
        and i.channel_no = e.channel_no
        and instant_us(i.period_from) < e.read_us
        and instant_us(i.period_from) + cast(i.interval_minutes as bigint) * 60000000 > e.read_us
    group by e.channel_no, e.read_from, e.read_to
),

compared as (
    select
        s.*,
        coalesce(x.expected_count, 0) as expected_count,
        coalesce(m.measured_count, 0) as measured_count,
        coalesce(m.estimated_count, 0) as estimated_count,
        m.interval_kwh,
        coalesce(c.cut_kwh, 0) as cut_kwh,
        cast(m.interval_kwh - s.advance_kwh as decimal(28, 6)) as difference_kwh,
        cast(abs(m.interval_kwh - s.advance_kwh) as decimal(28, 6)) as off_kwh,
        r.sum_thousandths,
        r.sum_severity,
        r.reverse_severity,
        r.digits_severity,
        r.register_maximum_severity,
    from ref('register_spans') as s
    left join expected as x
        on x.channel_no = s.channel_no
        and x.read_from = s.read_from
        and x.read_to = s.read_to
    left join sums as m
        on m.channel_no = s.channel_no
        and m.read_from = s.read_from
        and m.read_to = s.read_to
    left join cuts as c
        on c.channel_no = s.channel_no
        and c.read_from = s.read_from
        and c.read_to = s.read_to
    left join ref('channel_classes') as k
        on k.channel_no = s.channel_no and s.to_day >= k.from_day and s.to_day < k.to_day
    inner join ref('rule_settings') as r on r.class_name = coalesce(k.class_name, '')
),

judged as (
    select
        *,
        case
            when kind = 'reverse' then 'reverse'
            when start_quality = 'estimated' or end_quality = 'estimated' then 'estimated-read'
            when expected_count = 0 or measured_count < expected_count then 'incomplete'
            when
                off_kwh * cast(expected_count as decimal(9, 0)) <= advance_kwh
                or off_kwh <= cut_kwh
                or off_kwh * 100000 <= advance_kwh * cast(sum_thousandths as decimal(12, 0))
                then 'passed'
            else 'failed'
        end as verdict,
    from compared
),

failing as (
    select
        *,
        -- a row that skips reads has its two in other rows
        case when has_surplus_digits = 1 and skipped_reads = 0 then digits_severity end
            as digits_fail,
        case when exceeds_rating = 1 then register_maximum_severity end as maximum_fails,
        case when verdict = 'reverse' then reverse_severity end as reverse_fails,
        case when verdict = 'failed' then sum_severity end as sum_fails,
    from judged
),

ruled as (
    select
        *,
        case when digits_fail is not null then 'vee.register-digits' end as digits_rule,
        case when maximum_fails is not null then 'vee.register-maximum' end as maximum_rule,
        case when reverse_fails is not null then 'vee.reverse-register' end as reverse_rule,
        case when sum_fails is not null then 'vee.sum-check' end as sum_rule,
    from failing
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
    skipped_reads,
    kind,
    advance_kwh,
    cast(interval_kwh as decimal(38, 6)) as interval_kwh,
    cast(expected_count as integer) as expected_count,
    cast(measured_count as integer) as measured_count,
    cast(estimated_count as integer) as estimated_count,
    cast(case when verdict in ('passed', 'failed') then difference_kwh end as decimal(28, 6))
        as difference_kwh,
    verdict,
    nullif(
        substr(
            coalesce(',' || digits_rule, '')
            || coalesce(',' || maximum_rule, '')
            || coalesce(',' || reverse_rule, '')
            || coalesce(',' || sum_rule, ''),
            2
        ),
        ''
    ) as flags,
    case
        when
            sum_fails = 'hold'
            or reverse_fails = 'hold'
            or maximum_fails = 'hold'
            or digits_fail = 'hold'
            then 'hold'
        else coalesce(sum_fails, reverse_fails, maximum_fails, digits_fail)
    end as severity,
    nullif(
        substr(
            case when digits_fail = 'hold' then ',' || digits_rule else '' end
            || case when maximum_fails = 'hold' then ',' || maximum_rule else '' end
            || case when reverse_fails = 'hold' then ',' || reverse_rule else '' end
            || case when sum_fails = 'hold' then ',' || sum_rule else '' end,
            2
        ),
        ''
    ) as holds,
from ruled
