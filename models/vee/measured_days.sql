select
    market_day,
    channel_no,
    count(*) as measured_count,
    min(kwh) as lowest_kwh,
    max(kwh) as highest_kwh,
    third_highest(kwh) as third_highest_kwh,
    max(received_at) as newest_received_at,
from ref('winning_versions')
where quality = 'measured'
group by market_day, channel_no
