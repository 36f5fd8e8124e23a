with

retractions as (
    select
        channel_no,
        period_from,
        feed_id,
        version_stamp,
    from ref('contested_versions')
    where is_retraction = 1
    group by channel_no, period_from, feed_id, version_stamp
),

-- an edit that was taken back, and what took it back, stand below everything that was received
contested as (
    select
        v.*,
        case
            when v.is_retraction = 1 then -1
            when r.channel_no is not null then -2
            else v.feed_rank
        end as rank,
    from ref('contested_versions') as v
    left join retractions as r
        on r.channel_no = v.channel_no
        and r.period_from = v.period_from
        and r.feed_id = v.feed_id
        and r.version_stamp = v.version_stamp
),

-- the first arrival of a content is the version, every later one a duplicate
arrivals as (
    select
        *,
        row_number() over (
            partition by channel_no, period_from, feed_id, kwh, quality, version_stamp
            order by sequence nulls last, ordinal nulls last, source_code nulls last
        ) as arrival_no,
    from contested
),

-- receipt orders the versions of one feed; between feeds it would let the order of arrival decide
of_feeds as (
    select
        *,
        row_number() over (
            partition by channel_no, period_from, feed_id
            order by
                case when arrival_no = 1 then 0 else 1 end nulls last,
                class_rank desc nulls last,
                version_stamp desc nulls last,
                receipt_sequence desc nulls last,
                receipt_ordinal desc nulls last,
                kwh desc nulls last,
                quality nulls last,
                source_code nulls last
        ) as feed_place_no,
    from arrivals
),

-- the first of each feed compete; the places of the others only need to be total
ranked as (
    select
        *,
        row_number() over (
            partition by channel_no, period_from
            order by
                case when arrival_no = 1 then 0 else 1 end nulls last,
                rank desc nulls last,
                case when feed_place_no = 1 then 0 else 1 end nulls last,
                class_rank desc nulls last,
                version_stamp desc nulls last,
                kwh desc nulls last,
                quality nulls last,
                feed_id nulls last,
                feed_place_no nulls last
        ) as place_no,
    from of_feeds
),

winners as (
    select
        channel_no,
        period_from,
        feed_id,
        kwh,
        quality,
        version_stamp,
        rank,
        class_rank,
    from ranked
    where place_no = 1
),

-- different values of one rank and class that neither stamps nor the receipt of one feed put in
-- order: the content decided, which is worth a flag
conflicts as (
    select
        r.channel_no,
        r.period_from,
    from ranked as r
    inner join winners as w
        on w.channel_no = r.channel_no
        and w.period_from = r.period_from
        and w.rank = r.rank
        and w.class_rank = r.class_rank
        and (
            w.version_stamp = r.version_stamp
            or w.version_stamp is null
            and r.version_stamp is null
            and r.feed_id <> w.feed_id
            and r.feed_place_no = 1
        )
    where
        r.arrival_no = 1
        and r.place_no > 1
        and not (r.kwh is not distinct from w.kwh and r.quality = w.quality)
    group by r.channel_no, r.period_from
)

select
    r.market_day,
    r.channel_no,
    r.period_from,
    r.interval_minutes,
    r.kwh,
    r.quality,
    r.source_code,
    r.feed_id,
    r.sequence,
    r.ordinal,
    r.received_at,
    cast(r.place_no as bigint) as place_no,
    case
        when r.place_no = 1 and r.kwh is null then 'withdrawn'
        when r.place_no = 1 then 'winning'
        when r.arrival_no = 1 then 'superseded'
        when
            r.feed_id = w.feed_id
            and r.kwh is not distinct from w.kwh
            and r.quality = w.quality
            and r.version_stamp is not distinct from w.version_stamp
            then 'duplicate'
        else 'duplicate_of_superseded'
    end as outcome,
    case when r.place_no = 1 and c.channel_no is not null then 'conflict' end as flags,
from ranked as r
inner join winners as w on w.channel_no = r.channel_no and w.period_from = r.period_from
left join conflicts as c on c.channel_no = r.channel_no and c.period_from = r.period_from
