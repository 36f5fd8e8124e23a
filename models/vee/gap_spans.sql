with

touched as (
    select distinct
        s.channel_no,
        s.read_from,
    from ref('measured_spans') as s
    inner join ref('gap_runs') as r
        on r.channel_no = s.channel_no
        and r.run_from_us < instant_us(s.read_to)
        and r.run_to_us > instant_us(s.read_from)
)

select
    s.channel_no,
    s.read_from,
    s.read_to,
    instant_us(s.read_from) as span_from_us,
    instant_us(s.read_to) as span_to_us,
    s.from_day,
    s.to_day,
    s.advance_kwh,
from ref('measured_spans') as s
inner join touched as t on t.channel_no = s.channel_no and t.read_from = s.read_from
cross join ref('estimation_settings') as e
where day_no(s.to_day) - day_no(s.from_day) <= e.span_days
