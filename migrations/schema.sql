-- The schema that the migrations make. Written by test/store/dump-schema.ts; do not edit.

extension btree_gist;

sequence payload_sequence as bigint start 1 increment 1 minimum 1 maximum 9223372036854775807;

table account_holders (
    account_no bigint not null,
    customer_no bigint not null,
    known_from timestamp with time zone not null,
    known_to timestamp with time zone,
    constraint account_holders_account_no_fkey FOREIGN KEY (account_no) REFERENCES accounts(account_no),
    constraint account_holders_check CHECK (known_to > known_from),
    constraint account_holders_customer_no_fkey FOREIGN KEY (customer_no) REFERENCES customers(customer_no)
);
CREATE UNIQUE INDEX account_holders_current ON account_holders USING btree (account_no) WHERE known_to IS NULL;

table accounts (
    account_no bigint not null generated always as identity,
    account_id text not null,
    constraint accounts_pkey PRIMARY KEY (account_no),
    constraint accounts_account_id_key UNIQUE (account_id)
);

table agreement_versions (
    agreement_no bigint not null,
    account_no bigint not null,
    metering_point_no bigint not null,
    tariff_no integer not null,
    valid_during daterange not null,
    known_from timestamp with time zone not null,
    known_to timestamp with time zone,
    constraint agreement_versions_account_no_fkey FOREIGN KEY (account_no) REFERENCES accounts(account_no),
    constraint agreement_versions_agreement_no_fkey FOREIGN KEY (agreement_no) REFERENCES agreements(agreement_no),
    constraint agreement_versions_check CHECK (known_to > known_from),
    constraint agreement_versions_metering_point_no_fkey FOREIGN KEY (metering_point_no) REFERENCES metering_points(metering_point_no),
    constraint agreement_versions_tariff_no_fkey FOREIGN KEY (tariff_no) REFERENCES tariffs(tariff_no),
    constraint agreement_versions_valid_during_check CHECK (NOT isempty(valid_during)),
    constraint one_agreement_at_a_metering_point EXCLUDE USING gist (metering_point_no WITH =, valid_during WITH &&) WHERE (known_to IS NULL)
);
CREATE UNIQUE INDEX agreement_versions_current ON agreement_versions USING btree (agreement_no) WHERE known_to IS NULL;

table agreements (
    agreement_no bigint not null generated always as identity,
    agreement_id text not null,
    constraint agreements_pkey PRIMARY KEY (agreement_no),
    constraint agreements_agreement_id_key UNIQUE (agreement_id)
);

table attribute_changes (
    change_no bigint not null generated always as identity,
    bucket integer not null,
    attribute text not null,
    days daterange not null,
    changed_at timestamp with time zone not null,
    constraint attribute_changes_pkey PRIMARY KEY (change_no)
);
CREATE INDEX attribute_changes_by_bucket ON attribute_changes USING gist (bucket, days);

table bill_inputs (
    inputs_sha256 text not null,
    inputs json not null,
    kept_at timestamp with time zone not null,
    constraint bill_inputs_pkey PRIMARY KEY (inputs_sha256)
);

table bills (
    bill_no bigint not null generated always as identity,
    bill_id text not null,
    account_no bigint not null,
    period_from date not null,
    period_to date not null,
    state text not null,
    currency text not null,
    is_complete boolean not null,
    energy_kwh numeric(38,6) not null,
    amount_due numeric(38,8) not null,
    content_sha256 text not null,
    document json not null,
    drafted_at timestamp with time zone not null,
    line_references json not null,
    inputs_sha256 text not null,
    tariff_version_nos integer[] not null,
    constraint bills_pkey PRIMARY KEY (bill_no),
    constraint bills_account_no_fkey FOREIGN KEY (account_no) REFERENCES accounts(account_no),
    constraint bills_bill_id_key UNIQUE (bill_id),
    constraint bills_check CHECK (period_to > period_from),
    constraint bills_state_check CHECK (state = ANY (ARRAY['draft'::text, 'sealed'::text]))
);
CREATE INDEX bills_by_inputs ON bills USING btree (inputs_sha256);
CREATE INDEX bills_by_period ON bills USING btree (period_from, period_to);
CREATE UNIQUE INDEX bills_one_draft ON bills USING btree (account_no, period_from, period_to) WHERE state = 'draft'::text;

table calendar_versions (
    calendar_no integer not null,
    valid_during daterange not null,
    is_open_ended boolean not null,
    definition jsonb not null,
    known_from timestamp with time zone not null,
    known_to timestamp with time zone,
    constraint calendar_versions_calendar_no_fkey FOREIGN KEY (calendar_no) REFERENCES calendars(calendar_no),
    constraint calendar_versions_check CHECK (known_to > known_from),
    constraint calendar_versions_valid_during_check CHECK (NOT isempty(valid_during)),
    constraint one_definition_of_a_calendar EXCLUDE USING gist (calendar_no WITH =, valid_during WITH &&) WHERE (known_to IS NULL)
);

table calendars (
    calendar_no integer not null generated always as identity,
    calendar_id text not null,
    constraint calendars_pkey PRIMARY KEY (calendar_no),
    constraint calendars_calendar_id_key UNIQUE (calendar_id)
);

table channel_validities (
    channel_no integer not null,
    metering_point_no bigint not null,
    register_id text not null,
    valid_during tstzrange not null,
    expected_from date,
    known_from timestamp with time zone not null,
    known_to timestamp with time zone,
    meter_no bigint not null,
    register_digits smallint,
    register_multiplier numeric(12,4),
    constraint channel_validities_check CHECK (known_to > known_from),
    constraint channel_validities_register_digits_check CHECK (register_digits >= 1 AND register_digits <= 11),
    constraint channel_validities_register_multiplier_check CHECK (register_multiplier > 0::numeric),
    constraint channel_validities_valid_during_check CHECK (NOT isempty(valid_during)),
    constraint one_meter_at_a_metering_point EXCLUDE USING gist (metering_point_no WITH =, register_id WITH =, valid_during WITH &&) WHERE (known_to IS NULL),
    constraint one_place_of_a_meter EXCLUDE USING gist (meter_no WITH =, register_id WITH =, valid_during WITH &&) WHERE (known_to IS NULL)
);
CREATE INDEX channel_validities_by_end ON channel_validities USING btree (known_to) WHERE known_to IS NOT NULL;
CREATE UNIQUE INDEX channel_validities_current ON channel_validities USING btree (channel_no) WHERE known_to IS NULL;

table channels (
    channel_no integer not null,
    metering_point_no bigint not null,
    meter_id text not null,
    register_id text not null,
    flow text not null,
    interval_minutes smallint not null,
    registered_by text not null,
    constraint channels_pkey PRIMARY KEY (channel_no),
    constraint channels_channel_no_check CHECK (channel_no >= 0),
    constraint channels_flow_check CHECK (flow = ANY (ARRAY['to_customer'::text, 'from_customer'::text])),
    constraint channels_interval_minutes_check CHECK (interval_minutes = ANY (ARRAY[5, 10, 15, 30, 60])),
    constraint channels_metering_point_no_fkey FOREIGN KEY (metering_point_no) REFERENCES metering_points(metering_point_no),
    constraint channels_registered_by_check CHECK (registered_by = ANY (ARRAY['load'::text, 'feed'::text]))
);
CREATE INDEX channels_by_meter ON channels USING btree (meter_id, register_id);
CREATE INDEX channels_by_metering_point ON channels USING btree (metering_point_no);

table commits (
    commit_no bigint not null generated always as identity,
    committed_at timestamp with time zone not null,
    kind text not null,
    detail jsonb not null default '{}'::jsonb,
    constraint commits_pkey PRIMARY KEY (commit_no)
);

table customer_identities (
    customer_no bigint not null,
    name text,
    email text,
    address text,
    joined_on date,
    known_from timestamp with time zone not null,
    known_to timestamp with time zone,
    constraint customer_identities_check CHECK (known_to > known_from),
    constraint customer_identities_customer_no_fkey FOREIGN KEY (customer_no) REFERENCES customers(customer_no)
);
CREATE UNIQUE INDEX customer_identities_current ON customer_identities USING btree (customer_no) WHERE known_to IS NULL;

table customers (
    customer_no bigint not null generated always as identity,
    customer_id text not null,
    constraint customers_pkey PRIMARY KEY (customer_no),
    constraint customers_customer_id_key UNIQUE (customer_id)
);

table feed_contracts (
    feed_id smallint not null,
    contract_no integer not null,
    contract_version text not null,
    content_sha256 text not null,
    content text not null,
    known_from timestamp with time zone not null,
    constraint feed_contracts_pkey PRIMARY KEY (feed_id, contract_no),
    constraint feed_contracts_contract_no_check CHECK (contract_no > 0),
    constraint feed_contracts_feed_id_fkey FOREIGN KEY (feed_id) REFERENCES feeds(feed_id)
);

table feeds (
    feed_id smallint not null generated always as identity,
    name text not null,
    constraint feeds_pkey PRIMARY KEY (feed_id),
    constraint feeds_name_check CHECK (name ~ '^[a-z][a-z0-9_-]{0,62}$'::text),
    constraint feeds_name_key UNIQUE (name)
);

table flagged_payloads (
    sequence bigint not null,
    segment_no bigint not null,
    feed_id smallint not null,
    contract_no integer not null,
    source_key text not null,
    rule_id text not null,
    message text not null,
    flagged_at timestamp with time zone not null,
    constraint flagged_payloads_pkey PRIMARY KEY (sequence, contract_no, rule_id),
    constraint flagged_payloads_feed_id_fkey FOREIGN KEY (feed_id) REFERENCES feeds(feed_id),
    constraint flagged_payloads_segment_no_fkey FOREIGN KEY (segment_no) REFERENCES segments(segment_no) ON DELETE CASCADE
);

table holidays (
    holiday_set text not null,
    holiday_date date not null,
    name text not null,
    known_from timestamp with time zone not null,
    known_to timestamp with time zone,
    constraint holidays_check CHECK (known_to > known_from)
);
CREATE UNIQUE INDEX holidays_current ON holidays USING btree (holiday_set, holiday_date) WHERE known_to IS NULL;

table lake_files (
    file_id bigint not null generated always as identity,
    table_name text not null,
    path text not null,
    row_count bigint not null,
    byte_count bigint not null,
    column_statistics jsonb,
    has_each_interval_once boolean not null default false,
    constraint lake_files_pkey PRIMARY KEY (file_id),
    constraint lake_files_path_key UNIQUE (path)
);
CREATE INDEX lake_files_not_looked_at ON lake_files USING btree (table_name) WHERE column_statistics IS NULL;

table loads (
    load_no bigint not null generated always as identity,
    kind text not null,
    source_name text not null,
    content_sha256 text not null,
    loaded_at timestamp with time zone not null,
    row_count integer not null,
    changed_count integer not null,
    constraint loads_pkey PRIMARY KEY (load_no)
);
CREATE INDEX loads_by_kind ON loads USING btree (kind, load_no);

table matched_readings (
    is_only boolean not null default true,
    known_at timestamp with time zone not null,
    constraint matched_readings_pkey PRIMARY KEY (is_only),
    constraint matched_readings_is_only_check CHECK (is_only)
);

table metering_point_attributes (
    metering_point_no bigint not null,
    attribute text not null,
    value text not null,
    valid_during daterange not null,
    is_open_ended boolean not null,
    known_from timestamp with time zone not null,
    known_to timestamp with time zone,
    constraint metering_point_attributes_check CHECK (known_to > known_from),
    constraint metering_point_attributes_metering_point_no_fkey FOREIGN KEY (metering_point_no) REFERENCES metering_points(metering_point_no),
    constraint metering_point_attributes_valid_during_check CHECK (NOT isempty(valid_during)),
    constraint one_value_of_an_attribute EXCLUDE USING gist (metering_point_no WITH =, attribute WITH =, valid_during WITH &&) WHERE (known_to IS NULL)
);

table metering_points (
    metering_point_no bigint not null generated always as identity,
    metering_point_id text not null,
    constraint metering_points_pkey PRIMARY KEY (metering_point_no),
    constraint metering_points_metering_point_id_key UNIQUE (metering_point_id)
);

table meters (
    meter_no bigint not null generated always as identity,
    meter_id text not null,
    constraint meters_pkey PRIMARY KEY (meter_no),
    constraint meters_meter_id_key UNIQUE (meter_id)
);

table open_table_versions (
    table_name text not null,
    version bigint not null,
    commit_no bigint not null,
    published_at timestamp with time zone,
    constraint open_table_versions_pkey PRIMARY KEY (table_name, version),
    constraint open_table_versions_commit_no_fkey FOREIGN KEY (commit_no) REFERENCES commits(commit_no),
    constraint open_table_versions_table_name_commit_no_key UNIQUE (table_name, commit_no),
    constraint open_table_versions_table_name_fkey FOREIGN KEY (table_name) REFERENCES open_tables(table_name) ON DELETE CASCADE,
    constraint open_table_versions_version_check CHECK (version >= 0)
);

table open_tables (
    table_name text not null,
    log_id uuid not null,
    opened_in bigint not null,
    constraint open_tables_pkey PRIMARY KEY (table_name),
    constraint open_tables_opened_in_fkey FOREIGN KEY (opened_in) REFERENCES commits(commit_no)
);

table partition_files (
    table_name text not null,
    market_day date not null,
    bucket integer not null,
    file_id bigint not null,
    row_count bigint not null,
    added_version bigint not null,
    added_in bigint not null,
    removed_in bigint,
    constraint partition_files_pkey PRIMARY KEY (table_name, market_day, bucket, file_id),
    constraint partition_files_added_in_fkey FOREIGN KEY (added_in) REFERENCES commits(commit_no),
    constraint partition_files_file_id_fkey FOREIGN KEY (file_id) REFERENCES lake_files(file_id) ON DELETE CASCADE,
    constraint partition_files_removed_in_fkey FOREIGN KEY (removed_in) REFERENCES commits(commit_no)
);
CREATE INDEX partition_files_by_added ON partition_files USING btree (table_name, added_in);
CREATE INDEX partition_files_by_file ON partition_files USING btree (file_id);
CREATE INDEX partition_files_by_removed ON partition_files USING btree (table_name, removed_in) WHERE removed_in IS NOT NULL;
CREATE INDEX partition_files_live ON partition_files USING btree (table_name, market_day, bucket) WHERE removed_in IS NULL;

table partitions (
    table_name text not null,
    market_day date not null,
    bucket integer not null,
    version bigint not null,
    commit_no bigint not null,
    row_count bigint not null,
    checksum text not null,
    inputs jsonb not null,
    stats jsonb not null default '{}'::jsonb,
    constraint partitions_pkey PRIMARY KEY (table_name, market_day, bucket),
    constraint partitions_commit_no_fkey FOREIGN KEY (commit_no) REFERENCES commits(commit_no),
    constraint partitions_version_check CHECK (version > 0)
);

table payload_identities (
    identity bytea not null,
    sequence bigint not null,
    segment_no bigint not null,
    received_at timestamp with time zone not null,
    constraint payload_identities_pkey PRIMARY KEY (identity, sequence),
    constraint payload_identities_segment_no_fkey FOREIGN KEY (segment_no) REFERENCES segments(segment_no) ON DELETE CASCADE
);
CREATE INDEX payload_identities_by_time ON payload_identities USING btree (received_at);

table payload_outlines (
    sequence bigint not null,
    segment_no bigint not null,
    block_bytes integer not null,
    checksums integer[] not null,
    line_ends integer[] not null,
    line_starts integer[] not null,
    first_lines text[] not null,
    constraint payload_outlines_pkey PRIMARY KEY (sequence),
    constraint payload_outlines_block_bytes_check CHECK (block_bytes > 0),
    constraint payload_outlines_check CHECK (cardinality(checksums) = cardinality(line_ends)),
    constraint payload_outlines_check1 CHECK (cardinality(line_starts) = cardinality(line_ends) AND cardinality(first_lines) = cardinality(line_ends)),
    constraint payload_outlines_segment_no_fkey FOREIGN KEY (segment_no) REFERENCES segments(segment_no) ON DELETE CASCADE
);
CREATE INDEX payload_outlines_by_segment ON payload_outlines USING btree (segment_no);

table price_series (
    series_no integer not null generated always as identity,
    series_id text not null,
    kind text not null,
    interval_minutes smallint not null,
    constraint price_series_pkey PRIMARY KEY (series_no),
    constraint price_series_kind_check CHECK (kind = ANY (ARRAY['band'::text, 'price'::text])),
    constraint price_series_series_id_key UNIQUE (series_id)
);

table price_series_values (
    series_no integer not null,
    period_from timestamp with time zone not null,
    band text,
    price numeric(18,8),
    known_from timestamp with time zone not null,
    known_to timestamp with time zone,
    constraint price_series_values_check CHECK (known_to > known_from),
    constraint price_series_values_check1 CHECK ((band IS NULL) <> (price IS NULL)),
    constraint price_series_values_series_no_fkey FOREIGN KEY (series_no) REFERENCES price_series(series_no)
);
CREATE UNIQUE INDEX price_series_values_current ON price_series_values USING btree (series_no, period_from) WHERE known_to IS NULL;

table refused_payloads (
    sequence bigint not null,
    segment_no bigint not null,
    feed_id smallint not null,
    contract_no integer not null,
    source_key text not null,
    rule_id text not null,
    message text not null,
    line_no bigint,
    field text,
    refused_at timestamp with time zone not null,
    superseded_by integer,
    constraint refused_payloads_pkey PRIMARY KEY (sequence, contract_no),
    constraint refused_payloads_check CHECK (superseded_by > contract_no),
    constraint refused_payloads_feed_id_fkey FOREIGN KEY (feed_id) REFERENCES feeds(feed_id),
    constraint refused_payloads_segment_no_fkey FOREIGN KEY (segment_no) REFERENCES segments(segment_no) ON DELETE CASCADE
);
CREATE INDEX refused_payloads_by_segment ON refused_payloads USING btree (segment_no);
CREATE UNIQUE INDEX refused_payloads_standing ON refused_payloads USING btree (sequence) WHERE superseded_by IS NULL;

table registration_changes (
    change_no bigint not null generated always as identity,
    bucket integer not null,
    days daterange not null,
    changed_at timestamp with time zone not null,
    constraint registration_changes_pkey PRIMARY KEY (change_no)
);
CREATE INDEX registration_changes_by_bucket ON registration_changes USING gist (bucket, days);

table segment_replays (
    segment_no bigint not null,
    contract_no integer not null,
    commit_no bigint not null,
    replayed_at timestamp with time zone not null,
    stats_before jsonb not null,
    constraint segment_replays_pkey PRIMARY KEY (segment_no, contract_no),
    constraint segment_replays_segment_no_fkey FOREIGN KEY (segment_no) REFERENCES segments(segment_no) ON DELETE CASCADE
);
CREATE INDEX segment_replays_by_replayed_at ON segment_replays USING btree (replayed_at);

table segments (
    segment_no bigint not null generated always as identity,
    feed_id smallint not null,
    path text not null,
    first_sequence bigint not null,
    last_sequence bigint not null,
    payload_count integer not null,
    payload_bytes bigint not null,
    received_at timestamp with time zone not null,
    parsed_at timestamp with time zone,
    parsed_contract_no integer,
    parse_stats jsonb,
    acknowledged_at timestamp with time zone not null,
    constraint segments_pkey PRIMARY KEY (segment_no),
    constraint segments_feed_id_fkey FOREIGN KEY (feed_id) REFERENCES feeds(feed_id),
    constraint segments_path_key UNIQUE (path),
    constraint segments_payload_count_check CHECK (payload_count > 0)
);
CREATE INDEX segments_by_acknowledgement ON segments USING btree (acknowledged_at);
CREATE INDEX segments_by_parsed_at ON segments USING btree (parsed_at);
CREATE INDEX segments_by_sequence ON segments USING btree (first_sequence);
CREATE INDEX segments_unparsed ON segments USING btree (feed_id, segment_no) WHERE parsed_at IS NULL;
CREATE INDEX segments_with_faults ON segments USING btree (feed_id, segment_no) WHERE (COALESCE((parse_stats ->> 'quarantined'::text)::bigint, 0::bigint) + COALESCE((parse_stats ->> 'refused'::text)::bigint, 0::bigint)) > 0;

table tariff_versions (
    tariff_version_no integer not null generated always as identity,
    tariff_no integer not null,
    name text not null,
    valid_during daterange not null,
    is_open_ended boolean not null,
    structure jsonb not null,
    known_from timestamp with time zone not null,
    known_to timestamp with time zone,
    constraint tariff_versions_pkey PRIMARY KEY (tariff_version_no),
    constraint one_structure_of_a_tariff EXCLUDE USING gist (tariff_no WITH =, valid_during WITH &&) WHERE (known_to IS NULL),
    constraint tariff_versions_check CHECK (known_to > known_from),
    constraint tariff_versions_tariff_no_fkey FOREIGN KEY (tariff_no) REFERENCES tariffs(tariff_no),
    constraint tariff_versions_valid_during_check CHECK (NOT isempty(valid_during))
);

table tariffs (
    tariff_no integer not null generated always as identity,
    tariff_id text not null,
    constraint tariffs_pkey PRIMARY KEY (tariff_no),
    constraint tariffs_tariff_id_key UNIQUE (tariff_id)
);

view bill_lines as
 WITH lines AS (
         SELECT b.bill_no,
            b.line_references,
            row_number() OVER (PARTITION BY b.bill_no ORDER BY s.place, l.place)::integer AS line_no,
            l.line
           FROM bills b,
            LATERAL json_array_elements(b.document -> 'sections'::text) WITH ORDINALITY s(section, place),
            LATERAL json_array_elements(s.section -> 'lines'::text) WITH ORDINALITY l(line, place)
        )
 SELECT bill_no,
    line_no,
    ((line_references -> (line_no - 1)) ->> 0)::bigint AS agreement_no,
    ((line_references -> (line_no - 1)) ->> 1)::bigint AS metering_point_no,
    ((line_references -> (line_no - 1)) ->> 2)::integer AS tariff_version_no,
    line ->> 'charge'::text AS charge,
    line ->> 'band'::text AS band,
    (line ->> 'serviceFrom'::text)::date AS service_from,
    (line ->> 'serviceTo'::text)::date AS service_to,
    ((line ->> 'quantity'::text))::numeric(38,12) AS quantity,
    line ->> 'unit'::text AS quantity_unit,
    ((line ->> 'measuredKwh'::text))::numeric(38,6) AS measured_kwh,
    ((line ->> 'estimatedKwh'::text))::numeric(38,6) AS estimated_kwh,
    ((line ->> 'price'::text))::numeric(38,12) AS price,
    (line ->> 'amountExact'::text)::numeric AS amount_exact,
    ((line ->> 'amount'::text))::numeric(38,8) AS amount
   FROM lines;
