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
        on k.channel_no = v.channel_no and same_instant(k.period_from, v.period_from)
    where k.channel_no is null and v.kwh is not null
),

winners as (
    select
        market_day,
        channel_no,
        period_from,
        interval_minutes,
        kwh,
        quality,
        source_code,
        flags,
        feed_id,
        sequence,
        received_at,
    from ref('version_outcomes')
    where outcome = 'winning'
)

select * from uncontested
union all
select * from winners
