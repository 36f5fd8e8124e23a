-- Validation: what the rules go by is an input of what they judged.

-- Market days on which an attribute of metering points changed, by bucket of their channels. A range with an open end is
-- unbounded there. What a partition was judged by records how many rows there were for it, and the highest number.
create table attribute_changes (
    change_no bigint generated always as identity primary key,
    bucket integer not null,
    attribute text not null,
    days daterange not null,
    changed_at timestamptz not null
);
create index attribute_changes_by_bucket on attribute_changes using gist (bucket, days);
