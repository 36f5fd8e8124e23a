-- what estimated reads in between say does not matter
select
    channel_no,
    read_from,
    read_to,
    from_day,
    to_day,
    cast(advance_kwh as decimal(28, 6)) as advance_kwh,
from ref('register_spans')
where
    start_quality = 'measured'
    and end_quality = 'measured'
    and advance_kwh is not null
    and has_surplus_digits = 0
    and exceeds_rating = 0
