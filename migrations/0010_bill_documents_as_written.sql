-- Bills with less to write. A document is kept as the text that its hash is of (of a bill from before this migration, as jsonb wrote
-- it): as jsonb, the database sorted the keys of every line again, which took half of what it needed for a draft. What a run was made
-- from stands once, not in each of its bills. No foreign key leads there: to lock one row for each bill of a run took as long as to
-- write what it saves. `kept_at` keeps inputs that a run is about to name from one that clears up.

create table bill_inputs (
    inputs_sha256 text primary key,
    inputs json not null,
    kept_at timestamp with time zone not null
);
alter table bills
    add column inputs_sha256 text,
    add column tariff_version_nos integer [];
update bills
set
    inputs_sha256 = encode(sha256(convert_to((made_from - 'tariffVersions')::text, 'UTF8')), 'hex'),
    tariff_version_nos = array(
        select cast(n as integer) from jsonb_array_elements_text(made_from -> 'tariffVersions') as n
    );
insert into bill_inputs (inputs_sha256, inputs, kept_at)
select distinct on (inputs_sha256)
    inputs_sha256,
    (made_from - 'tariffVersions')::json,
    now()
from bills;

drop view bill_lines;
alter table bills
    drop column made_from,
    alter column inputs_sha256 set not null,
    alter column tariff_version_nos set not null,
    alter column document type json using document::json,
    alter column line_references type json using line_references::json;
-- bills are asked for by it when a run's inputs may go
create index bills_by_inputs on bills (inputs_sha256);

create view bill_lines as
with lines as (
    select
        b.bill_no,
        b.line_references,
        cast(row_number() over (partition by b.bill_no order by s.place, l.place) as integer) as line_no,
        l.line
    from bills b,
        json_array_elements(b.document -> 'sections') with ordinality as s (section, place),
        json_array_elements(s.section -> 'lines') with ordinality as l (line, place)
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
