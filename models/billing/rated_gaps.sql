select
    c.point_no,
    g.channel_no,
    instant_us(g.gap_from) as gap_from_us,
    instant_us(g.gap_to) as gap_to_us,
    g.missing_count,
from ref('period_gaps') as g
inner join ref('rated_channels') as c on c.channel_no = g.channel_no
