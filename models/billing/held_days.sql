select
    c.point_no,
    m.channel_no,
    m.market_day,
    m.rule_id,
from ref('period_marks') as m
inner join ref('rated_channels') as c on c.channel_no = m.channel_no
where m.severity = 'hold'
group by c.point_no, m.channel_no, m.market_day, m.rule_id
