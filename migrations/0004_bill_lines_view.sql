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
