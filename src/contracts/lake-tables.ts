/** Tables of the lake: columns in file order, in the common types of both engines. Grain in `models/*.yml`. */
export interface LakeColumn {
    readonly name: string;
    readonly type: string;
    /** Files of an earlier version of the program lack it: there it is null. */
    readonly isLater?: true;
}

function columns(text: string): readonly LakeColumn[] {
    return text
        .trim()
        .split('\n')
        .map((line) => {
            const [name, type, later] = line.trim().split(' ');
            return { name: name ?? '', type: type ?? '', ...(later === 'later' ? { isLater: true } : {}) };
        });
}

/** quality: measured | estimated | missing | withdrawn (the last two without a value). */
export const READING_VERSIONS = columns(`
    market_day date
    bucket integer
    channel_no integer
    period_from timestamp
    interval_minutes smallint
    kwh decimal(18,6)
    quality string
    source_code string
    feed_id smallint
    version_stamp bigint
    sequence bigint
    ordinal bigint
    received_at timestamp`);

/**
 * Reads of cumulative registers, as they were received: the index at an instant. channel_no is the one that had the register when the row was
 * parsed; whose a read is now is decided when it is asked for. quality as above.
 */
export const REGISTER_VERSIONS = columns(`
    market_day date
    bucket integer
    channel_no integer
    read_at timestamp
    index_kwh decimal(18,6)
    quality string
    source_code string
    feed_id smallint
    version_stamp bigint
    sequence bigint
    ordinal bigint
    received_at timestamp`);

/** One row per channel and interval that has a value. What was estimated here has no feed, no receipt, and its method as `source_code`. */
export const READS_INTERVAL = columns(`
    market_day date
    channel_no integer
    period_from timestamp
    interval_minutes smallint
    kwh decimal(18,6)
    quality string
    source_code string
    flags string
    feed_id smallint
    sequence bigint
    received_at timestamp`);

/** One row per channel and hour of the market day in which the channel is expected to read, or did. */
export const READS_HOURLY = columns(`
    market_day date
    channel_no integer
    hour_from timestamp
    kwh decimal(38,6)
    measured_kwh decimal(38,6)
    estimated_kwh decimal(38,6)
    expected_count integer
    measured_count integer
    estimated_count integer
    missing_count integer`);

/**
 * One row per channel and market day on which the channel is expected to read, or did. The last columns
 * account for the versions received: row_count = distinct + duplicate + stale_duplicate (equal to a
 * superseded version); distinct = winning (measured + estimated) + superseded + withdrawn + the rows of REJECTED_READINGS.
 */
export const READS_DAILY = columns(`
    market_day date
    channel_no integer
    kwh decimal(38,6)
    measured_kwh decimal(38,6)
    estimated_kwh decimal(38,6)
    expected_count integer
    measured_count integer
    estimated_count integer
    missing_count integer
    digest_1 bigint
    digest_2 bigint
    row_count integer
    duplicate_count integer
    stale_duplicate_count integer
    superseded_count integer
    withdrawn_count integer
    conflict_count integer`);

/** One row per unbroken run of missing intervals of a channel within a market day, half-open. */
export const READING_GAPS = columns(`
    market_day date
    channel_no integer
    gap_from timestamp
    gap_to timestamp
    missing_count integer`);

/** One row per channel and interval whose winning version a rule of validation rejects: the interval is missing. */
export const REJECTED_READINGS = READS_INTERVAL;

/** One row per channel, market day, rule of validation and feed whose readings fail it; of some rules no feed's. */
export const READING_MARKS = columns(`
    market_day date
    channel_no integer
    rule_id string
    feed_id smallint
    severity string
    interval_count integer`);

/**
 * One row per channel and run of intervals that no feed gave a value for (or part of one, where a register was read within), on a market day for which
 * values are estimated: how, and from what; no method: there is no estimate. The digests tell what the estimates are, and what the days came to that they may look at.
 */
export const READING_ESTIMATES = columns(`
    market_day date
    channel_no integer
    gap_from timestamp
    gap_to timestamp
    interval_count integer
    method string
    confidence string
    kwh_before decimal(18,6)
    kwh_after decimal(18,6)
    first_source_day date
    last_source_day date
    value_count integer
    kwh decimal(38,6)
    estimated_count integer
    digest_1 bigint
    digest_2 bigint
    window_digest_1 bigint
    window_digest_2 bigint
    shape string later
    read_from timestamp later
    read_to timestamp later
    advance_kwh decimal(28,6) later
    measured_kwh decimal(28,6) later
    before_from timestamp later
    after_from timestamp later
    shape_class string later
    annual_kwh decimal(18,6) later`);

/**
 * One row per channel, market day and rule of validation by which the day fails beside other days. `compared_kwh` is the energy of the `day_count`
 * days that it was compared with, together, or that of the check meter; of estimates in a row, null, and how many days.
 */
export const DAY_MARKS = columns(`
    market_day date
    channel_no integer
    rule_id string
    severity string
    kwh decimal(38,6)
    compared_kwh decimal(38,6)
    day_count integer`);

/** One row per channel-day whose content a commit changed; a null digest: there was, or is, no content. */
export const CHANGED_CHANNEL_DAYS = columns(`
    market_day date
    channel_no integer
    old_digest_1 bigint
    old_digest_2 bigint
    new_digest_1 bigint
    new_digest_2 bigint`);

/** One row per row of a payload that broke a rule. rule_ids are separated by blanks. */
export const QUARANTINED_ROWS = columns(`
    feed_id smallint
    sequence bigint
    line_no bigint
    rule_ids string
    fields string
    original_text string
    received_at timestamp`);

/**
 * One row per entry of `quarantined_rows` whose place a replay took. outcome: version | waiting | quarantined (under
 * the newer contract, with a row of its own in `quarantined_rows`).
 */
export const REPLAYED_ROWS = columns(`
    feed_id smallint
    sequence bigint
    line_no bigint
    rule_ids string
    fields string
    original_text string
    received_at timestamp
    contract_no integer
    replayed_contract_no integer
    outcome string`);

/** One row per typed row that no channel takes yet; of a register read the length is 0, and kwh is the index. */
export const WAITING_ROWS = columns(`
    feed_id smallint
    sequence bigint
    ordinal bigint
    received_at timestamp
    meter_key string
    register_key string
    period_from timestamp
    interval_minutes smallint
    kwh decimal(18,6)
    quality string
    source_code string
    version_stamp bigint
    reason string
    original_text string
    line_no bigint later
    export_field string later
    minutes_field string later
    is_rounded boolean later`);

/** One row per channel and validity, as believed when the snapshot was taken. */
export const CHANNEL_SNAPSHOT = columns(`
    channel_no integer
    metering_point_id string
    meter_id string
    register_id string
    flow string
    interval_minutes smallint
    valid_from timestamp
    valid_to timestamp
    expected_from date`);

/** One row per agreement and validity in local days, as believed when the snapshot was taken. */
const AGREEMENTS = columns(`
    agreement_id string
    account_id string
    customer_id string
    metering_point_id string
    tariff_id string
    move_in date
    move_out date`);

/** One row per metering point, attribute and validity in local days. */
const METERING_POINT_ATTRIBUTES = columns(`
    metering_point_id string
    attribute string
    value string
    valid_from date
    valid_to date`);

/** One row per tariff and validity in local days; `kwh_price` where one price holds for each kWh, `structure` is JSON. */
const TARIFFS = columns(`
    plan_id string
    name string
    kwh_price decimal(18,8)
    fixed_charge decimal(18,8)
    valid_from date
    valid_to date
    structure string`);

/** Master data as the engine reads them: each a committed snapshot, made anew when a load or a registration has changed it. */
export const DIMENSIONS = {
    channels: CHANNEL_SNAPSHOT,
    agreements: AGREEMENTS,
    metering_point_attributes: METERING_POINT_ATTRIBUTES,
    tariffs: TARIFFS,
} as const;

export type Dimension = keyof typeof DIMENSIONS;

export const DIMENSION_NAMES = Object.keys(DIMENSIONS) as Dimension[];

/** One row per line of a bill, as `gridtally sql` shows it, with what the bill says for all of its lines. */
export const BILL_LINES = columns(`
    bill_id string
    line_no integer
    account_id string
    agreement_id string
    metering_point_id string
    period_start date
    period_end date
    state string
    charge string
    band string
    service_from date
    service_to date
    quantity decimal(38,12)
    quantity_unit string
    measured_kwh decimal(38,6)
    estimated_kwh decimal(38,6)
    price decimal(38,12)
    amount_exact string
    amount decimal(38,8)
    currency string`);

export const LAKE_TABLES = {
    reading_versions: READING_VERSIONS,
    register_versions: REGISTER_VERSIONS,
    reads_interval: READS_INTERVAL,
    reads_hourly: READS_HOURLY,
    reads_daily: READS_DAILY,
    reading_gaps: READING_GAPS,
    rejected_readings: REJECTED_READINGS,
    reading_marks: READING_MARKS,
    reading_estimates: READING_ESTIMATES,
    day_marks: DAY_MARKS,
    changed_channel_days: CHANGED_CHANNEL_DAYS,
    quarantined_rows: QUARANTINED_ROWS,
    waiting_rows: WAITING_ROWS,
    replayed_rows: REPLAYED_ROWS,
} as const;

export type LakeTable = keyof typeof LAKE_TABLES;

/** What rows of payloads become; everything published is made from these. */
export const RECEIVED_TABLES = [
    'reading_versions',
    'register_versions',
    'waiting_rows',
    'quarantined_rows',
    'replayed_rows',
] as const satisfies readonly LakeTable[];

/** Tables of what was received, which only grow: of each kind of feed its own. */
export type VersionTable = 'reading_versions' | 'register_versions';

/** Whatever has files in the catalogue: also what is a copy of rows in Postgres. */
export type CatalogueTable = LakeTable | Dimension | 'bill_lines';
