-- Completes the spine: rows follow what is believed about meters, receipts are stamped in the order in which
-- they become visible, and a bill's lines stand once.

-- Matching ------------------------------------------------------------------------------------

-- A register of a meter stands at one metering point at a time, and the home remembers how far its readings
-- have followed what is believed about meters.

create table meters (
    meter_no bigint generated always as identity primary key,
    meter_id text not null unique
);
insert into meters (meter_id) select distinct meter_id collate "C" from channels order by 1;

-- The meter as it was believed to be: a load may give a channel that a feed registered another one. By number,
-- because an exclusion constraint over texts took four times as long (200,000 rows, PostgreSQL 18.4).
alter table channel_validities add column meter_no bigint;
update channel_validities v set meter_no = m.meter_no
    from channels c join meters m using (meter_id) where c.channel_no = v.channel_no;
alter table channel_validities alter column meter_no set not null;

-- Master data are never deleted, and each of these numbers is joined from its table when the row is made: checking
-- them once more took as long as one of the constraints that a load is about.
alter table channel_validities drop constraint channel_validities_channel_no_fkey;
alter table channel_validities drop constraint channel_validities_metering_point_no_fkey;

-- What an older home may hold although it must not: told in sentences, and the home stays as it was.
do $$
declare
    told text;
begin
    select string_agg(sentence, e'\n' order by sentence) into told
    from (
        select format(
            'meter %s register %s is at metering point %s and at metering point %s from %s to %s',
            m.meter_id, a.register_id, p.metering_point_id, q.metering_point_id,
            coalesce(to_char(
                lower(a.valid_during * b.valid_during) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'always'),
            coalesce(to_char(
                upper(a.valid_during * b.valid_during) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'open')
            ) as sentence
        from channel_validities a
            join channel_validities b on b.meter_no = a.meter_no and b.register_id = a.register_id
                and b.channel_no > a.channel_no and b.valid_during && a.valid_during
            join meters m on m.meter_no = a.meter_no
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
    (meter_no with =, register_id with =, valid_during with &&) where (known_to is null);

-- At most one row: readings stand with the channels that were believed to be theirs at known_at. Later changes
-- of belief are looked at by the next step that matches; without a row, all of them.
create table matched_readings (
    is_only boolean primary key default true check (is_only),
    known_at timestamptz not null
);
create index channel_validities_by_end on channel_validities (known_to) where known_to is not null;

-- Receipts ------------------------------------------------------------------------------------

-- When a segment was acknowledged: stamped within its commit, one commit at a time, and always later than
-- the one before it. "As known at T" goes by it. received_at is when the bytes began to be written.

alter table segments add column acknowledged_at timestamptz;
update segments set acknowledged_at = received_at;
alter table segments alter column acknowledged_at set not null;
create index segments_by_acknowledgement on segments (acknowledged_at);

-- Bills ---------------------------------------------------------------------------------------

-- A bill's lines stand once, in its document: the table beside it held them again, and took two fifths of
-- the time in which drafts are written. References are [agreement_no, metering_point_no,
-- tariff_version_no or null], one for each line, in the order of sections and lines.

alter table bills add column line_references jsonb not null default '[]';
update bills b
set line_references = coalesce((
    select jsonb_agg(
        jsonb_build_array(l.agreement_no, l.metering_point_no, l.tariff_version_no) order by l.line_no
    )
    from bill_lines l
    where l.bill_no = b.bill_no
), '[]');
alter table bills alter column line_references drop default;
drop table bill_lines;

create view bill_lines as
with lines as (
    select
        b.bill_no,
        b.line_references,
        cast(row_number() over (partition by b.bill_no order by s.place, l.place) as integer) as line_no,
        l.line
    from bills b,
        jsonb_array_elements(b.document -> 'sections') with ordinality as s (section, place),
        jsonb_array_elements(s.section -> 'lines') with ordinality as l (line, place)
)
select
    bill_no,
    line_no,
    cast(line_references -> (line_no - 1) ->> 0 as bigint) as agreement_no,
    cast(line_references -> (line_no - 1) ->> 1 as bigint) as metering_point_no,
    cast(line_references -> (line_no - 1) ->> 2 as integer) as tariff_version_no,
    line ->> 'charge' as charge,
    line ->> 'band' as band,
    cast(line ->> 'serviceFrom' as date) as service_from,
    cast(line ->> 'serviceTo' as date) as service_to,
    cast(line ->> 'quantity' as numeric(38, 12)) as quantity,
    line ->> 'unit' as quantity_unit,
    cast(line ->> 'measuredKwh' as numeric(38, 6)) as measured_kwh,
    cast(line ->> 'estimatedKwh' as numeric(38, 6)) as estimated_kwh,
    cast(line ->> 'price' as numeric(38, 12)) as price,
    cast(line ->> 'amountExact' as numeric) as amount_exact,
    cast(line ->> 'amount' as numeric(38, 8)) as amount
from lines;
