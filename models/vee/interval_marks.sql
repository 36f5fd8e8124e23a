with

-- flags first by what they say: whole days say the same
flagged as (
    select
        market_day,
        channel_no,
        feed_id,
        flags,
        count(*) as interval_count,
    from (
        select
            market_day,
            channel_no,
            feed_id,
            flags,
        from ref('curated_intervals')
        where flags is not null
        union all
        select
            market_day,
            channel_no,
            feed_id,
            flags,
        from ref('rejected_intervals')
    ) as all_flags
    where flags <> 'conflict'
    group by market_day, channel_no, feed_id, flags
),

rules as (
    select 'vee.flat-line' as rule_id
    union all
    select 'vee.maximum' as rule_id
    union all
    select 'vee.spike' as rule_id
    union all
    select 'vee.too-old' as rule_id
    union all
    select 'vee.zero' as rule_id
),

counted as (
    select
        g.market_day,
        g.channel_no,
        g.feed_id,
        r.rule_id,
        sum(g.interval_count) as interval_count,
    from flagged as g
    inner join rules as r on ',' || g.flags || ',' like '%,' || r.rule_id || ',%'
    group by g.market_day, g.channel_no, g.feed_id, r.rule_id
),

incomplete_days as (
    select
        d.market_day,
        d.channel_no,
        d.missing_count,
        coalesce(k.class_name, '') as class_name,
    from ref('curated_days') as d
    left join ref('channel_classes') as k
        on k.channel_no = d.channel_no and d.market_day >= k.from_day and d.market_day < k.to_day
    where d.missing_count > 0
),

marks as (
    select
        c.market_day,
        c.channel_no,
        c.rule_id,
        c.feed_id,
        case c.rule_id
            when 'vee.flat-line' then f.flat_severity
            when 'vee.maximum' then f.maximum_severity
            when 'vee.spike' then f.spike_severity
            when 'vee.too-old' then f.too_old_severity
            else f.zero_severity
        end as severity,
        c.interval_count,
    from counted as c
    inner join ref('failed_days') as f
        on f.market_day = c.market_day and f.channel_no = c.channel_no and f.feed_id = c.feed_id
    union all
    select
        d.market_day,
        d.channel_no,
        'vee.interval-count' as rule_id,
        cast(null as smallint) as feed_id,
        s.count_severity as severity,
        d.missing_count as interval_count,
    from incomplete_days as d
    inner join ref('rule_settings') as s on s.class_name = d.class_name
    where s.count_severity is not null
)

select
    market_day,
    channel_no,
    rule_id,
    feed_id,
    severity,
    cast(interval_count as integer) as interval_count,
from marks
