-- Master data, the raw store's index, the lake's catalogue and bills.
-- Validity ranges are half-open; `known_from`/`known_to` say when the home believed a row
-- (known_to is null: still believed). A changed belief closes one row and opens another.

create extension if not exists btree_gist with schema public;

-- Feeds and their contracts -------------------------------------------------------------------

create table feeds (
    feed_id smallint generated always as identity primary key,
    name text not null unique check (name ~ '^[a-z][a-z0-9_-]{0,62}$')
);

create table feed_contracts (
    feed_id smallint not null references feeds,
    contract_no integer not null check (contract_no > 0),
    contract_version text not null,
    content_sha256 text not null,
    content text not null,
    known_from timestamptz not null,
    primary key (feed_id, contract_no)
);

-- Raw store -----------------------------------------------------------------------------------

create sequence payload_sequence;

create table segments (
    segment_no bigint generated always as identity primary key,
    feed_id smallint not null references feeds,
    path text not null unique,
    first_sequence bigint not null,
    last_sequence bigint not null,
    payload_count integer not null check (payload_count > 0),
    payload_bytes bigint not null,
    received_at timestamptz not null,
    parsed_at timestamptz,
    parsed_contract_no integer,
    parse_stats jsonb
);
create index segments_unparsed on segments (feed_id, segment_no) where parsed_at is null;
create index segments_by_sequence on segments (first_sequence);

-- identity = first 16 bytes of SHA-256 over (feed, source key, SHA-256 of the payload)
create table payload_identities (
    identity bytea not null,
    sequence bigint not null,
    segment_no bigint not null references segments on delete cascade,
    received_at timestamptz not null,
    primary key (identity, sequence)
);
create index payload_identities_by_time on payload_identities (received_at);

create table refused_payloads (
    sequence bigint primary key,
    segment_no bigint not null references segments on delete cascade,
    feed_id smallint not null references feeds,
    contract_no integer not null,
    source_key text not null,
    rule_id text not null,
    message text not null,
    line_no bigint,
    field text,
    refused_at timestamptz not null
);

-- Lake catalogue ------------------------------------------------------------------------------

create table commits (
    commit_no bigint generated always as identity primary key,
    committed_at timestamptz not null,
    kind text not null,
    detail jsonb not null default '{}'
);

create table lake_files (
    file_id bigint generated always as identity primary key,
    table_name text not null,
    path text not null unique,
    row_count bigint not null,
    byte_count bigint not null
);

-- A file belongs to a partition from one commit on, until another commit replaces it there.
create table partition_files (
    table_name text not null,
    market_day date not null,
    bucket integer not null,
    file_id bigint not null references lake_files on delete cascade,
    row_count bigint not null,
    -- version of the partition that the file came with: what a rebuild has not yet seen is above its input
    added_version bigint not null,
    added_in bigint not null references commits,
    removed_in bigint references commits,
    primary key (table_name, market_day, bucket, file_id)
);
create index partition_files_live on partition_files (table_name, market_day, bucket) where removed_in is null;
create index partition_files_by_file on partition_files (file_id);

create table partitions (
    table_name text not null,
    market_day date not null,
    bucket integer not null,
    version bigint not null check (version > 0),
    commit_no bigint not null references commits,
    row_count bigint not null,
    checksum text not null,
    inputs jsonb not null,
    stats jsonb not null default '{}',
    primary key (table_name, market_day, bucket)
);

-- Each change of what a channel is expected to read makes a range of days of its bucket stale.
create table registration_changes (
    change_no bigint generated always as identity primary key,
    bucket integer not null,
    days daterange not null,
    changed_at timestamptz not null
);
create index registration_changes_by_bucket on registration_changes using gist (bucket, days);

-- Master data ---------------------------------------------------------------------------------

create table loads (
    load_no bigint generated always as identity primary key,
    kind text not null,
    source_name text not null,
    content_sha256 text not null,
    loaded_at timestamptz not null,
    row_count integer not null,
    changed_count integer not null
);

create table customers (
    customer_no bigint generated always as identity primary key,
    customer_id text not null unique
);

-- The only place of names and addresses.
create table customer_identities (
    customer_no bigint not null references customers,
    name text,
    email text,
    address text,
    joined_on date,
    known_from timestamptz not null,
    known_to timestamptz,
    check (known_to > known_from)
);
create unique index customer_identities_current on customer_identities (customer_no) where known_to is null;

create table accounts (
    account_no bigint generated always as identity primary key,
    account_id text not null unique
);

-- Whose account it is, as believed.
create table account_holders (
    account_no bigint not null references accounts,
    customer_no bigint not null references customers,
    known_from timestamptz not null,
    known_to timestamptz,
    check (known_to > known_from)
);
create unique index account_holders_current on account_holders (account_no) where known_to is null;

create table metering_points (
    metering_point_no bigint generated always as identity primary key,
    metering_point_id text not null unique
);

-- One row per register of one meter installation. channel_no is the number used in the lake.
create table channels (
    channel_no integer primary key check (channel_no >= 0),
    metering_point_no bigint not null references metering_points,
    meter_id text not null,
    register_id text not null,
    flow text not null check (flow in ('to_customer', 'from_customer')),
    interval_minutes smallint not null check (interval_minutes in (5, 10, 15, 30, 60)),
    registered_by text not null check (registered_by in ('load', 'feed'))
);
create index channels_by_metering_point on channels (metering_point_no);
create index channels_by_meter on channels (meter_id, register_id);

-- When a channel is installed, as believed. valid_during bounds what readings are accepted;
-- expected_from (a market day) is when the home begins to miss readings that do not come.
create table channel_validities (
    channel_no integer not null references channels,
    metering_point_no bigint not null references metering_points,
    register_id text not null,
    valid_during tstzrange not null check (not isempty(valid_during)),
    expected_from date,
    known_from timestamptz not null,
    known_to timestamptz,
    check (known_to > known_from),
    constraint one_meter_at_a_metering_point exclude using gist
        (metering_point_no with =, register_id with =, valid_during with &&) where (known_to is null)
);
-- A channel is installed for one unbroken time.
create unique index channel_validities_current on channel_validities (channel_no) where known_to is null;

-- is_open_ended, here and below: no end was given, so the row holds until the next one begins.
create table metering_point_attributes (
    metering_point_no bigint not null references metering_points,
    attribute text not null,
    value text not null,
    valid_during daterange not null check (not isempty(valid_during)),
    is_open_ended boolean not null,
    known_from timestamptz not null,
    known_to timestamptz,
    check (known_to > known_from),
    constraint one_value_of_an_attribute exclude using gist
        (metering_point_no with =, attribute with =, valid_during with &&) where (known_to is null)
);

create table calendars (
    calendar_no integer generated always as identity primary key,
    calendar_id text not null unique
);

-- definition: bands by weekday, holiday, month and local time (validated in TypeScript)
create table calendar_versions (
    calendar_no integer not null references calendars,
    valid_during daterange not null check (not isempty(valid_during)),
    is_open_ended boolean not null,
    definition jsonb not null,
    known_from timestamptz not null,
    known_to timestamptz,
    check (known_to > known_from),
    constraint one_definition_of_a_calendar exclude using gist
        (calendar_no with =, valid_during with &&) where (known_to is null)
);

create table holidays (
    holiday_set text not null,
    holiday_date date not null,
    name text not null,
    known_from timestamptz not null,
    known_to timestamptz,
    check (known_to > known_from)
);
create unique index holidays_current on holidays (holiday_set, holiday_date) where known_to is null;

create table price_series (
    series_no integer generated always as identity primary key,
    series_id text not null unique,
    kind text not null check (kind in ('band', 'price')),
    interval_minutes smallint not null
);

-- A band name or a price (currency per kWh, exact text) for each interval.
create table price_series_values (
    series_no integer not null references price_series,
    period_from timestamptz not null,
    band text,
    price numeric(18, 8),
    known_from timestamptz not null,
    known_to timestamptz,
    check (known_to > known_from),
    check ((band is null) <> (price is null))
);
create unique index price_series_values_current on price_series_values (series_no, period_from)
    where known_to is null;

create table tariffs (
    tariff_no integer generated always as identity primary key,
    tariff_id text not null unique
);

-- structure: charges, prices, taxes and rounding (validated in TypeScript)
create table tariff_versions (
    tariff_version_no integer generated always as identity primary key,
    tariff_no integer not null references tariffs,
    name text not null,
    valid_during daterange not null check (not isempty(valid_during)),
    is_open_ended boolean not null,
    structure jsonb not null,
    known_from timestamptz not null,
    known_to timestamptz,
    check (known_to > known_from),
    constraint one_structure_of_a_tariff exclude using gist
        (tariff_no with =, valid_during with &&) where (known_to is null)
);

create table agreements (
    agreement_no bigint generated always as identity primary key,
    agreement_id text not null unique
);

-- An account takes energy at a metering point on a tariff, from move-in to move-out (local days).
create table agreement_versions (
    agreement_no bigint not null references agreements,
    account_no bigint not null references accounts,
    metering_point_no bigint not null references metering_points,
    tariff_no integer not null references tariffs,
    valid_during daterange not null check (not isempty(valid_during)),
    known_from timestamptz not null,
    known_to timestamptz,
    check (known_to > known_from),
    constraint one_agreement_at_a_metering_point exclude using gist
        (metering_point_no with =, valid_during with &&) where (known_to is null)
);
create unique index agreement_versions_current on agreement_versions (agreement_no) where known_to is null;

-- Bills ---------------------------------------------------------------------------------------

create table bills (
    bill_no bigint generated always as identity primary key,
    bill_id text not null unique,
    account_no bigint not null references accounts,
    period_from date not null,
    period_to date not null check (period_to > period_from),
    state text not null check (state in ('draft', 'sealed')),
    currency text not null,
    is_complete boolean not null,
    energy_kwh numeric(38, 6) not null,
    amount_due numeric(38, 8) not null,
    content_sha256 text not null,
    document jsonb not null,
    made_from jsonb not null,
    drafted_at timestamptz not null
);
create unique index bills_one_draft on bills (account_no, period_from, period_to) where state = 'draft';
create index bills_by_period on bills (period_from, period_to);

-- Master data are never deleted, so a line's references need no check of their own: three foreign keys
-- took half of the time in which bills are written.
create table bill_lines (
    bill_no bigint not null references bills on delete cascade,
    line_no integer not null,
    agreement_no bigint not null,
    metering_point_no bigint not null,
    tariff_version_no integer,
    charge text not null,
    band text,
    service_from date not null,
    service_to date not null,
    quantity numeric(38, 12),
    quantity_unit text not null,
    measured_kwh numeric(38, 6),
    estimated_kwh numeric(38, 6),
    price numeric(38, 12),
    amount_exact numeric not null,
    amount numeric(38, 8) not null,
    primary key (bill_no, line_no)
);
