with

-- the widest window first: an engine that spreads rows over machines then has all versions of an
-- interval in one place, and moves none for the narrower ones
together as (
    select
        *,
        max(is_retraction) over (partition by channel_no, period_from) as interval_has_retraction,
    from ref('contested_versions')
),

retracted as (
    select
        *,
        max(is_retraction) over (
            partition by channel_no, period_from, feed_id, version_stamp
        ) as stamp_has_retraction,
    from together
),

-- an edit that was taken back, and what took it back, stand below everything that was received;
-- both have a stamp
contested as (
    select
        *,
        case
            when interval_has_retraction = 0 then feed_rank
            when is_retraction = 1 then -1
            when stamp_has_retraction = 1 and version_stamp is not null then -2
            else feed_rank
        end as rank,
    from retracted
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

-- the first of each feed compete; the places of the others only need to be total. Each beside the
-- version that wins
ranked as (
    select
        *,
        row_number() over places as place_no,
        first_value(feed_id) over places as winner_feed_id,
        first_value(kwh) over places as winner_kwh,
        first_value(quality) over places as winner_quality,
        first_value(version_stamp) over places as winner_stamp,
        first_value(rank) over places as winner_rank,
        first_value(class_rank) over places as winner_class_rank,
    from of_feeds
    window places as (
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
    )
),

-- different values of one rank and class that neither stamps nor the receipt of one feed put in
-- order: the content decided, which is worth a flag
conflicting as (
    select
        *,
        case
            when
                arrival_no = 1
                and place_no > 1
                and rank = winner_rank
                and class_rank = winner_class_rank
                and (
                    version_stamp = winner_stamp
                    or version_stamp is null
                    and winner_stamp is null
                    and feed_id <> winner_feed_id
                    and feed_place_no = 1
                )
                and not (kwh is not distinct from winner_kwh and quality = winner_quality)
                then 1
            else 0
        end as is_conflicting,
    from ranked
),

judged as (
    select
        *,
        max(is_conflicting) over (partition by channel_no, period_from) as has_conflict,
    from conflicting
)

select
    market_day,
    channel_no,
    period_from,
    interval_minutes,
    kwh,
    quality,
    source_code,
    feed_id,
    sequence,
    ordinal,
    received_at,
    cast(place_no as bigint) as place_no,
    case
        when place_no = 1 and kwh is null then 'withdrawn'
        when place_no = 1 then 'winning'
        when arrival_no = 1 then 'superseded'
        when
            feed_id = winner_feed_id
            and kwh is not distinct from winner_kwh
            and quality = winner_quality
            and version_stamp is not distinct from winner_stamp
            then 'duplicate'
        else 'duplicate_of_superseded'
    end as outcome,
    case when place_no = 1 and has_conflict = 1 then 'conflict' end as flags,
from judged
