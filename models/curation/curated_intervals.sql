with

uncontested as (
    select
        v.market_day,
        v.channel_no,
        v.period_from,
        v.interval_minutes,
        v.kwh,
        v.quality,
        v.source_code,
        cast(null as string) as flags,
        v.feed_id,
        v.sequence,
        v.received_at,
    from ref('job_versions') as v
    left join ref('contested_keys') as k
        on k.channel_no = v.channel_no and k.period_from = v.period_from
    where k.channel_no is null and v.kwh is not null
),

winners as (
    select
        v.market_day,
        v.channel_no,
        v.period_from,
        v.interval_minutes,
        v.kwh,
        v.quality,
        v.source_code,
        o.flags,
        v.feed_id,
        v.sequence,
        v.received_at,
    from ref('job_versions') as v
    inner join ref('version_outcomes') as o
        on o.channel_no = v.channel_no
        and o.period_from = v.period_from
        and o.feed_id = v.feed_id
        and o.sequence = v.sequence
        and o.ordinal = v.ordinal
        and o.outcome = 'winning'
)

select * from uncontested
union all
select * from winners
