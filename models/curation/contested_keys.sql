with

-- every interval begins on a whole five minutes: 63 of them, a run, are the bits of one number
slots as (
    select
        channel_no,
        int_div(instant_us(period_from), 300000000) as slot_no,
    from ref('job_versions')
),

marks as (
    select
        cast(channel_no as bigint) * 4294967296 + int_div(slot_no, 63) as channel_run,
        single_bit(slot_no % 63) as mark,
    from slots
),

runs as (
    select
        channel_run,
        count(*) as row_count,
        bit_or(mark) as seen_bits,
        bit_xor(mark) as odd_bits,
    from marks
    group by channel_run
),

-- bits seen an even number of times were seen twice, where that accounts for all rows; else any bit
-- may be contested
contested_runs as (
    select
        channel_run,
        case
            when row_count - bit_count(seen_bits) = bit_count(seen_bits & ~odd_bits)
                then seen_bits & ~odd_bits
            else seen_bits
        end as contested_bits,
    from runs
    where row_count <> bit_count(seen_bits)
),

positions as (select cast(id as bigint) as position_no from range(0, 63) as p(id))

select
    cast(int_div(r.channel_run, 4294967296) as integer) as channel_no,
    instant_of_us(((r.channel_run % 4294967296) * 63 + p.position_no) * 300000000) as period_from,
from contested_runs as r
inner join positions as p on (r.contested_bits & single_bit(p.position_no)) <> 0
