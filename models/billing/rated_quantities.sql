select
    r.channel_no,
    s.sum_class,
    cast(sum(r.kwh) as decimal(38, 6)) as kwh,
    cast(
        coalesce(sum(r.kwh) filter (where r.quality <> 'measured'), 0) as decimal(38, 6)
    ) as estimated_kwh,
    count(*) as interval_count,
from ref('set_reads') as r
inner join ref('sum_slots') as s on s.slot_from = r.period_from
group by r.channel_no, s.sum_class
