-- one number for channel and minute: the hash table takes half the time of one over both columns
with

keys as (
    select
        cast(channel_no as bigint) * 4294967296 + int_div(instant_us(period_from), 60000000)
            as channel_minute,
    from ref('job_versions')
),

contested as (
    select channel_minute
    from keys
    group by channel_minute
    having count(*) > 1
)

select
    cast(int_div(channel_minute, 4294967296) as integer) as channel_no,
    instant_of_us((channel_minute % 4294967296) * 60000000) as period_from,
from contested
