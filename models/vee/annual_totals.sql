select
    g.market_day,
    g.channel_no,
    d.day_from_us as part_from_us,
    d.day_to_us as part_to_us,
    micro_kwh(n.annual_kwh) as total_micro,
    d.year_weight as total_weight,
    n.annual_kwh,
from (select distinct market_day, channel_no from ref('gap_channel_days')) as g
inner join ref('shape_classes') as c
    on c.channel_no = g.channel_no and g.market_day >= c.from_day and g.market_day < c.to_day
inner join ref('annual_consumptions') as n
    on n.channel_no = g.channel_no and g.market_day >= n.from_day and g.market_day < n.to_day
inner join ref('shape_days') as d
    on d.class_name = c.class_name and d.market_day = g.market_day
