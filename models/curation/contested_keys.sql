select
    channel_no,
    period_from,
from ref('job_versions')
group by channel_no, period_from
having count(*) > 1
