with

-- reads in between that are estimates do not matter: advances add up
numbered as (
    select
        *,
        sum(case when start_quality = 'measured' then 1 else 0 end) over (
            partition by channel_no
            order by read_from nulls last
            rows between unbounded preceding and current row
        ) as span_no,
    from ref('register_spans')
),

joined as (
    select
        channel_no,
        span_no,
        min(read_from) as read_from,
        max(read_to) as read_to,
        min(from_day) as from_day,
        max(to_day) as to_day,
        sum(advance_kwh) as advance_kwh,
        count(*) as part_count,
        count(advance_kwh) as known_count,
        -- the next read that is measured begins the next span, so it can only be the last end
        max(case when end_quality = 'measured' then 1 else 0 end) as is_ended,
    from numbered
    where span_no > 0
    group by channel_no, span_no
)

select
    channel_no,
    read_from,
    read_to,
    from_day,
    to_day,
    cast(advance_kwh as decimal(28, 6)) as advance_kwh,
from joined
where is_ended = 1 and known_count = part_count
