-- A register of a meter stands at one metering point at a time, and the home remembers how far its readings
-- have followed what is believed about meters.

alter table channel_validities add column meter_id text;
update channel_validities v set meter_id = c.meter_id from channels c where c.channel_no = v.channel_no;
alter table channel_validities alter column meter_id set not null;

-- What an older home may hold although it must not: told in sentences, and the home stays as it was.
do $$
declare
    told text;
begin
    select string_agg(sentence, e'\n' order by sentence) into told
    from (
        select format(
            'meter %s register %s is at metering point %s and at metering point %s from %s to %s',
            a.meter_id, a.register_id, p.metering_point_id, q.metering_point_id,
            coalesce(to_char(
                lower(a.valid_during * b.valid_during) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'always'),
            coalesce(to_char(
                upper(a.valid_during * b.valid_during) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'open')
            ) as sentence
        from channel_validities a
            join channel_validities b on b.meter_id = a.meter_id and b.register_id = a.register_id
                and b.channel_no > a.channel_no and b.valid_during && a.valid_during
            join metering_points p on p.metering_point_no = a.metering_point_no
            join metering_points q on q.metering_point_no = b.metering_point_no
        where a.known_to is null and b.known_to is null
    ) sentences;
    if told is not null then
        raise exception 'meters are installed at two metering points at once'
            using errcode = 'GT001', detail = told,
                hint = 'Load metering points with the gridtally that this home was last used with, so that each meter and register is at one metering point at a time; then run this version again. The home is as it was.';
    end if;
end
$$;

alter table channel_validities add constraint one_place_of_a_meter exclude using gist
    (meter_id with =, register_id with =, valid_during with &&) where (known_to is null);

-- At most one row: readings stand with the channels that were believed to be theirs at known_at. Later changes
-- of belief are looked at by the next step that matches; without a row, all of them.
create table matched_readings (
    is_only boolean primary key default true check (is_only),
    known_at timestamptz not null
);
create index channel_validities_by_end on channel_validities (known_to) where known_to is not null;
