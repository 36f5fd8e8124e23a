with

hours as (
    select
        market_day,
        channel_no,
        cast(sum(kwh) as decimal(38, 6)) as kwh,
        cast(sum(measured_kwh) as decimal(38, 6)) as measured_kwh,
        cast(sum(estimated_kwh) as decimal(38, 6)) as estimated_kwh,
        cast(sum(expected_count) as integer) as expected_count,
        cast(sum(measured_count) as integer) as measured_count,
        cast(sum(estimated_count) as integer) as estimated_count,
        cast(sum(missing_count) as integer) as missing_count,
    from ref('curated_hours')
    group by market_day, channel_no
),

digests as (
    select
        market_day,
        channel_no,
        sum(digest_1) as digest_1,
        sum(digest_2) as digest_2,
    from ref('present_hours')
    group by market_day, channel_no
),

-- the versions of a day, counted without looking at each: one that nothing contests is a reading
-- that was published or rejected, or has no value and is a withdrawal
versions as (
    select
        market_day,
        channel_no,
        present_count as row_count,
        0 as duplicate_count,
        0 as stale_duplicate_count,
        0 as superseded_count,
        0 as withdrawn_count,
        0 as conflict_count,
    from ref('received_hours')
    union all
    select
        market_day,
        channel_no,
        1,
        0,
        0,
        0,
        0,
        0,
    from ref('rejected_intervals')
    union all
    select
        market_day,
        channel_no,
        1,
        0,
        0,
        0,
        1,
        0,
    from ref('job_versions')
    where kwh is null
    union all
    -- of these, those that won or have no value are counted above
    select
        market_day,
        channel_no,
        case when outcome = 'winning' or kwh is null then 0 else 1 end,
        case when outcome = 'duplicate' then 1 else 0 end,
        case when outcome = 'duplicate_of_superseded' then 1 else 0 end,
        case when outcome = 'superseded' then 1 else 0 end,
        case when outcome = 'withdrawn' then 1 else 0 end - case when kwh is null then 1 else 0 end,
        case when flags is not null then 1 else 0 end,
    from ref('version_outcomes')
),

counts as (
    select
        market_day,
        channel_no,
        sum(row_count) as row_count,
        sum(duplicate_count) as duplicate_count,
        sum(stale_duplicate_count) as stale_duplicate_count,
        sum(superseded_count) as superseded_count,
        sum(withdrawn_count) as withdrawn_count,
        sum(conflict_count) as conflict_count,
    from versions
    group by market_day, channel_no
)

select
    coalesce(h.market_day, c.market_day) as market_day,
    coalesce(h.channel_no, c.channel_no) as channel_no,
    h.kwh,
    h.measured_kwh,
    h.estimated_kwh,
    coalesce(h.expected_count, 0) as expected_count,
    coalesce(h.measured_count, 0) as measured_count,
    coalesce(h.estimated_count, 0) as estimated_count,
    coalesce(h.missing_count, 0) as missing_count,
    cast(coalesce(g.digest_1, 0) as bigint) as digest_1,
    cast(coalesce(g.digest_2, 0) as bigint) as digest_2,
    cast(coalesce(c.row_count, 0) as integer) as row_count,
    cast(coalesce(c.duplicate_count, 0) as integer) as duplicate_count,
    cast(coalesce(c.stale_duplicate_count, 0) as integer) as stale_duplicate_count,
    cast(coalesce(c.superseded_count, 0) as integer) as superseded_count,
    cast(coalesce(c.withdrawn_count, 0) as integer) as withdrawn_count,
    cast(coalesce(c.conflict_count, 0) as integer) as conflict_count,
from hours as h
full outer join counts as c on c.market_day = h.market_day and c.channel_no = h.channel_no
left join digests as g on g.market_day = h.market_day and g.channel_no = h.channel_no
