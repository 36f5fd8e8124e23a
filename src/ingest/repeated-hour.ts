const DAY_US = 86_400_000_000;

/**
 * Stages of a query over `typed` (a row each: payload_no, line_no, meter_key, register_key, minutes, wall_us, stamp_offset_us) and `stamp_days` that tell
 * by the order of the rows in a file whether a local time that happened twice is of its first or second passing. The last one, `passes`, has the rows
 * of such hours: payload_no, line_no, and told_us, the UTC instant of the stamp, or null where the order does not tell.
 *
 * The order tells where the meter's rows of the hour stand together in the file, between an earlier and a later row of the meter, in one of two ways: time
 * goes back exactly once, from the first passing to the second, and a stamp is there twice; or the rows are sorted by their stamps and each is there exactly twice. Of a
 * file that begins or ends with the hour, one such neighbour is enough; of one that is the hour alone, it must be there whole, one passing after the other.
 *
 * Ends of intervals are written in two ways: as the local time of the instant (01:00 and 01:30 twice), or as the local begin and the length (01:30 and 02:00
 * twice). What stands before the step back is of the first passing in both, so the stamps at both ends of the hour are looked at, and told. A step back by the
 * whole hour is of neither: then the hour from its start to its end is there again.
 */
export function passesByOrder(isEnd: boolean): string {
    const isInHour = (us: string) => `(${us} >= hour_from_us and ${us} ${isEnd ? '<=' : '<'} hour_to_us)`;
    // the stamp that is there twice at one of these is there once, or not at all, at the other
    const isEdge = '(wall_us in (hour_from_us, hour_to_us))';
    const meter = 'payload_no, meter_key, register_key';
    const stages = {
        repeated_hours: `select cast(day_no as bigint) * ${DAY_US} + change_from_us as hour_from_us, cast(day_no as bigint) * ${DAY_US} + change_to_us as hour_to_us,
    offset_before_us, offset_after_us from stamp_days where change_kind = 'repeated'`,
        hour_rows: `select t.payload_no, t.line_no, t.meter_key, t.register_key, h.*
from typed as t join repeated_hours as h on ${isInHour('t.wall_us')} where t.stamp_offset_us is null`,
        meter_rows: `select ${meter}, line_no, minutes, wall_us, row_number() over file as place,
    lag(wall_us) over file as previous_us, lag(wall_us, 2) over file as second_previous_us,
    lead(wall_us) over file as next_us, lead(wall_us, 2) over file as second_next_us
from typed semi join hour_rows using (${meter}) where wall_us is not null and stamp_offset_us is null
window file as (partition by ${meter} order by line_no)`,
        ordered_rows: `select *, previous_us - wall_us as back_us,
    row_number() over (partition by ${meter}, hour_from_us, wall_us order by line_no) as nth, count(*) over (partition by ${meter}, hour_from_us, wall_us) as times
from meter_rows join (select * exclude (meter_key, register_key) from hour_rows) as h using (payload_no, line_no)`,
        hours: `select ${meter}, hour_from_us, max(place) - min(place) + 1 = count(*) as is_together,
    count(*) filter (back_us >= 0) as not_forward, count(*) filter (back_us > 0 and back_us < hour_to_us - hour_from_us) as steps_back, max(times) as most_times,
    coalesce(bool_and(times = 2 or (times = 1 and ${isEdge})) and count(*) filter (times = 2 and ${isEdge}) = 2
        and min(minutes) = max(minutes) and count(minutes) = count(*)
        and count(*) filter (times = 2) * max(minutes) * 60000000 = 2 * max(hour_to_us - hour_from_us), false) as is_whole,
    ${['previous', 'second_previous'].map((row) => `arg_min_null(${row}_us, place) as ${row}_us`).join(', ')},
    ${['next', 'second_next'].map((row) => `arg_max_null(${row}_us, place) as ${row}_us`).join(', ')}
from ordered_rows group by ${meter}, hour_from_us`,
        told_hours: `select ${meter}, hour_from_us, steps_back from hours
where is_together and case
    when coalesce(previous_us, next_us) is null then not_forward = 1 and steps_back = 1 and is_whole
    else (previous_us is null or previous_us < hour_from_us and previous_us is distinct from second_previous_us)
        and (next_us is null or next_us > hour_from_us and next_us is distinct from second_next_us)
        and (not_forward = 1 and steps_back = 1 and most_times = 2 or steps_back = 0 and is_whole) end`,
        passes: `select r.payload_no, r.line_no, wall_us - case
    when h.hour_from_us is null then null
    when if(h.steps_back = 0, if(r.times = 2, nth = 1, wall_us = r.hour_from_us), not has_gone_back) then offset_before_us
    else offset_after_us end as told_us
from (select *, max(coalesce(back_us > 0, false)) over (partition by ${meter}, hour_from_us order by line_no rows unbounded preceding) as has_gone_back from ordered_rows) as r
left join told_hours as h using (${meter}, hour_from_us)`,
    };
    return Object.entries(stages)
        .map(([name, query]) => `${name} as (${query})`)
        .join(',\n');
}
