with

-- most readings have no failed day, and nothing is computed for them
versions as (
    select
        w.market_day,
        w.channel_no,
        w.period_from,
        w.interval_minutes,
        w.kwh,
        w.quality,
        w.source_code,
        w.flags,
        w.feed_id,
        w.sequence,
        w.received_at,
        f.flat_severity,
        f.zero_severity,
        f.maximum_severity,
        f.maximum_micro,
        f.spike_severity,
        f.spike_kwh,
        f.too_old_severity,
        f.too_old_us,
        case when f.channel_no is null or w.quality <> 'measured' then 0 else 1 end as is_judged,
    from ref('winning_versions') as w
    left join ref('failed_days') as f
        on f.market_day = w.market_day and f.channel_no = w.channel_no and f.feed_id = w.feed_id
),

verdicts as (
    select
        *,
        case when is_judged = 1 then flat_severity end as flat,
        case
            when is_judged = 1 and micro_kwh(kwh) > maximum_micro
                then maximum_severity
        end as maximum,
        case when is_judged = 1 and kwh = spike_kwh then spike_severity end as spike,
        case
            when is_judged = 1 and instant_us(received_at) - instant_us(period_from) > too_old_us
                then too_old_severity
        end as too_old,
        case when is_judged = 1 then zero_severity end as zero,
    from versions
)

select
    market_day,
    channel_no,
    period_from,
    interval_minutes,
    kwh,
    quality,
    source_code,
    case
        when is_judged = 0 then flags
        else
            nullif(
                substring(
                    coalesce(',' || flags, '')
                    || case when flat is not null then ',vee.flat-line' else '' end
                    || case when maximum is not null then ',vee.maximum' else '' end
                    || case when spike is not null then ',vee.spike' else '' end
                    || case when too_old is not null then ',vee.too-old' else '' end
                    || case when zero is not null then ',vee.zero' else '' end,
                    2
                ),
                ''
            )
    end as flags,
    feed_id,
    sequence,
    received_at,
    case
        when
            is_judged = 1
            and (
                coalesce(flat, '') = 'estimate'
                or coalesce(maximum, '') = 'estimate'
                or coalesce(spike, '') = 'estimate'
                or coalesce(too_old, '') = 'estimate'
                or coalesce(zero, '') = 'estimate'
            )
            then 1
        else 0
    end as is_rejected,
from verdicts
