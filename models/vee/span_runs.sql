with

-- a day of the job is decided in it
published as (
    select
        e.market_day,
        e.channel_no,
        instant_us(e.gap_from) as run_from_us,
        instant_us(e.gap_to) as run_to_us,
        e.interval_count,
    from ref('window_reading_estimates') as e
    inner join (select distinct market_day, channel_no from ref('gap_span_days')) as d
        on d.market_day = e.market_day and d.channel_no = e.channel_no
    left join ref('decided_days') as p
        on p.market_day = e.market_day and p.channel_no = e.channel_no
    where p.market_day is null
),

-- a run of which only a part could be scaled lies in parts
begun as (
    select
        *,
        case
            when
                lag(run_to_us) over (
                    partition by market_day, channel_no order by run_from_us nulls last
                ) = run_from_us
                then 0
            else 1
        end as is_first,
    from published
),

numbered as (
    select
        *,
        sum(is_first) over (
            partition by market_day, channel_no
            order by run_from_us nulls last
            rows between unbounded preceding and current row
        ) as run_no,
    from begun
),

whole as (
    select
        market_day,
        channel_no,
        run_no,
        min(run_from_us) as run_from_us,
        max(run_to_us) as run_to_us,
        sum(interval_count) as slot_count,
    from numbered
    group by market_day, channel_no, run_no
)

select
    r.market_day,
    r.channel_no,
    r.run_no,
    r.run_from_us,
    r.run_to_us,
    cast(r.slot_count as bigint) as slot_count,
    1 as is_own,
from ref('unread_runs') as r
inner join (select distinct market_day, channel_no from ref('gap_span_days')) as d
    on d.market_day = r.market_day and d.channel_no = r.channel_no
union all
select
    market_day,
    channel_no,
    cast(run_no as bigint) as run_no,
    run_from_us,
    run_to_us,
    cast(slot_count as bigint) as slot_count,
    0 as is_own,
from whole
