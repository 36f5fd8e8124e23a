import type { ColumnRole, FeedContract } from '../contracts/feed-contract.ts';
import type { RowRule } from '../contracts/ingest-rules.ts';
import { sqlText } from '../engine/sql-text.ts';
import { passesByOrder } from './repeated-hour.ts';
import { isIsoText, type StampSql, stampSql } from './stamp-sql.ts';
import { unitsOf, type ValueSql, valueSql } from './value-sql.ts';
import { cellRecords, cellsOf, placedPeriods } from './wide-rows.ts';

/** A rule of a row and the SQL condition, never null, under which the row breaks it. */
export interface RowCheck {
    readonly rule: RowRule;
    readonly role: ColumnRole;
    readonly when: string;
}

/** How the records of a payload become typed rows: SQL text of one query, and the checks on its columns. */
export interface TypedRows {
    readonly query: string;
    readonly checks: readonly RowCheck[];
    /** The SQL condition under which a value may stand only where the metering point has a channel of export. */
    readonly needsExport: string;
}

export interface TypedRowsOptions {
    /** Relation with payload_no, line_no, fault, text, and c0, c1 … for the contract's columns. */
    readonly records: string;
    /** The zone has one offset for ever: no join with the offset table is needed. */
    readonly fixedOffsetUs?: number;
}

const DAY_US = 86_400_000_000;
export const KNOWN_MINUTES = [5, 10, 15, 30, 60];
/** 2000-01-01 in UTC: an earlier stamp is refused (`row.stamp-too-old`), as no interval meter is older. */
export const FIRST_STAMP_US = 946_684_800_000_000;

/**
 * Builds the query that types records: text to meter, register, interval, quality, kWh and version stamp,
 * placed on the market day and matched with the channel directory (tables `utc_dates`,
 * `stamp_days`, `channel_map` of the session). It refuses nothing itself: `checks` say what is wrong.
 */
export function typedRows(contract: FeedContract, options: TypedRowsOptions): TypedRows {
    const texts = cellsOf(contract).length > 0 ? cellRecords(contract, options.records) : options.records;
    const read = reader(contract);
    const query = `with ${[
        // a stage for whatever the next one says more than once
        `worded as (${wordedCte(contract, read, texts)})`,
        `measured as (select *, ${read.numbers.fraction}, ${read.stamp.isWellFormed} as stamp_is_well_formed from worded as r)`,
        `typed as (${typedCte(contract, read)})`,
        ...(isToldByOrder(contract) ? [passesByOrder(contract.reading.stamp.marks === 'end')] : []),
        `placed as (${placedCte(contract)})`,
        `dayed as (${dayedCte(options)})`,
        `mapped as (${mappedCte(contract)})`,
    ].join(',\n')}
select * from mapped`;
    const checks = rowChecks(contract, (role) => column(contract, role) !== undefined);
    const isInterval = contract.kind === 'interval';
    return {
        query,
        checks: checks.filter(({ rule }) => isInterval || !OF_INTERVALS.has(rule)),
        needsExport: needsExport(contract),
    };
}

function column(contract: FeedContract, role: ColumnRole): string | undefined {
    const index = contract.columns.findIndex((c) => c.role === role);
    return index >= 0 ? `r.c${index}` : undefined;
}

/** SQL of what the columns of a contract say, over a row `r` of texts. */
interface Reader {
    readonly of: (role: ColumnRole) => string | undefined;
    readonly stamp: StampSql;
    readonly value: string;
    /** The column `number_text` of the stage `worded`: the value with a point as its decimal mark, where it has another one. */
    readonly numberText: string | undefined;
    readonly numbers: ValueSql;
}

function reader(contract: FeedContract): Reader {
    const { reading } = contract;
    const of = (role: ColumnRole) => column(contract, role);
    const value = cellsOf(contract).length > 0 ? 'r.cell_value' : (of('value') ?? "''");
    const unit = of('unit') ? 'unit_text' : reading.unit;
    // a point where a comma is the decimal mark becomes a comma, which no number has
    const numberText = reading.value.decimalMark === 'comma' ? `translate(${value}, '.,', ',.')` : undefined;
    return {
        of,
        value,
        numberText,
        stamp: stampSql(of('stamp') ?? "''", reading.stamp),
        numbers: valueSql(numberText === undefined ? value : 'number_text', unit, reading),
    };
}

function wordedCte({ reading }: FeedContract, { of, stamp, numberText }: Reader, records: string): string {
    const unit = of('unit');
    const unitText = unit
        ? `case when ${unit} = '' then ${sqlText(reading.unit)} else ${unit} end`
        : 'cast(null as varchar)';
    const minutesColumn = of('minutes');
    const minutes = minutesColumn
        ? `case when ${minutesColumn} = '' then ${reading.intervalMinutes} when ${minutesColumn} in (${KNOWN_MINUTES.map((m) => `'${m}'`).join(', ')}) then cast(${minutesColumn} as smallint) end`
        : String(reading.intervalMinutes);
    return `select r.*, cast(${minutes} as smallint) as minutes, ${unitText} as unit_text, ${stamp.wallText} as wall_text${numberText === undefined ? '' : `, ${numberText} as number_text`} from ${records} as r`;
}

function typedCte(contract: FeedContract, { of, stamp, value, numbers }: Reader): string {
    const { reading } = contract;
    const cells = cellsOf(contract);
    const quality = of('quality') ?? "''";
    const codes = Object.entries(reading.qualityCodes);
    const register = of('register');
    // the engine reads years up to 294247 from texts that no contract allows, and overflows when it goes on from there
    const wallUs = `case when stamp_is_well_formed then ${stamp.wallUs('wall_text')} end`;
    return `select r.payload_no, r.line_no, r.fault, r.text,
    ${of('meter') ?? "''"} as meter_key,
    ${register ? `case when ${register} = '' then ${sqlText(reading.defaultRegister)} else ${register} end` : sqlText(reading.defaultRegister)} as register_key,
    minutes,
    ${cells.length > 0 ? 'r.cell_name' : "''"} as cell_name,
    ${cells.length > 0 ? 'r.cell_no' : '0'} as cell_no,
    stamp_is_well_formed,
    ${cells[0]?.cell.kind === 'time' ? cellWallUs(wallUs, reading.stamp.marks) : wallUs} as wall_us,
    ${stamp.offsetUs} as stamp_offset_us,
    ${value} as value_text,
    ${nullTexts(value, reading.value.nullTexts)} as value_is_null,
    ${numbers.isNumber} as value_is_number,
    decimal_places,
    ${numbers.kwh} as kwh,
    ${numbers.isRounded} as is_rounded,
    unit_text,
    ${of('unit') ? `unit_text in (${unitsOf(contract.kind).map(sqlText).join(', ')})` : 'true'} as unit_is_known,
    ${qualityCase(quality, codes, of('withdrawn'), reading.withdrawnCodes)} as stated_quality,
    ${of('quality') ? `case when ${quality} <> '' then ${quality} end` : 'cast(null as varchar)'} as source_code,
    ${versionSql(of('version'), contract)} as version_stamp,
    ${of('version') ? `${of('version')} <> ''` : 'false'} as has_version
from measured as r`;
}

/**
 * A column names an interval of the local day, whichever of its ends its name tells: the local time at which the interval begins, so that those of a
 * skipped or repeated hour are the ones that lie within it.
 */
function cellWallUs(dayUs: string, marks: FeedContract['reading']['stamp']['marks']): string {
    const minute = marks === 'end' ? '(r.cell_no - minutes)' : 'r.cell_no';
    return `${dayUs} + cast(${minute} as bigint) * 60000000`;
}

function nullTexts(value: string, texts: readonly string[]): string {
    return texts.length === 0 ? 'false' : `${value} in (${texts.map(sqlText).join(', ')})`;
}

function qualityCase(
    quality: string,
    codes: readonly (readonly [string, string])[],
    withdrawn: string | undefined,
    withdrawnCodes: readonly string[],
): string {
    const cases = codes.map(
        ([code, meaning]) => `when ${quality} = ${sqlText(code)} then ${sqlText(meaning)}`,
    );
    const taken =
        withdrawn && withdrawnCodes.length > 0
            ? `when ${withdrawn} in (${withdrawnCodes.map(sqlText).join(', ')}) then 'withdrawn'`
            : '';
    return cases.length + taken.length === 0
        ? 'cast(null as varchar)'
        : `case ${taken} ${cases.join(' ')} end`;
}

function versionSql(version: string | undefined, contract: FeedContract): string {
    if (!version || contract.precedence.stampKind === 'none') return 'cast(null as bigint)';
    if (contract.precedence.stampKind === 'integer') {
        return `case when regexp_full_match(${version}, '\\d{1,18}') then try_cast(${version} as bigint) end`;
    }
    return `case when ${isIsoText(version)} then epoch_us(try_cast(${version} as timestamptz)) end`;
}

/** Wall clock to the UTC instant at which the interval begins; `clock_fault` names a local time that is none or two. */
function placedCte(contract: FeedContract): string {
    const kindOfCells = cellsOf(contract)[0]?.cell.kind;
    if (kindOfCells === 'period') return placedPeriods(contract);
    const { stamp } = contract.reading;
    const isEnd = stamp.marks === 'end' && kindOfCells === undefined;
    const shift = isEnd ? ' - cast(minutes as bigint) * 60000000' : '';
    const pass = '* exclude (wall_us, stamp_offset_us)';
    if (stamp.clock.kind !== 'local') {
        const offset = stamp.clock.kind === 'fixed' ? stamp.clock.offsetMinutes * 60_000_000 : 0;
        return `select ${pass}, wall_us - coalesce(stamp_offset_us, ${offset})${shift} as period_us, wall_us as stamped_us,
    cast(null as varchar) as clock_fault from typed`;
    }
    const withinDay = `(t.wall_us - t.wall_us // ${DAY_US} * ${DAY_US})`;
    // a stamp that marks an end and names the very start of the skipped hour means the instant of the change
    const isInChange = `(${withinDay} ${isEnd ? '>' : '>='} d.change_from_us and ${withinDay} < d.change_to_us)`;
    const isByOrder = isToldByOrder(contract);
    const isRepeated = isByOrder
        ? 'p.line_no is not null'
        : `(d.change_kind = 'repeated' and ${withinDay} >= d.change_from_us and ${withinDay} < d.change_to_us)`;
    const before = 't.wall_us - d.offset_before_us';
    const after = 't.wall_us - d.offset_after_us';
    // one row for a day has each time once, in no order
    const repeatedHour = stamp.repeatedHour === 'by-order' && !isByOrder ? 'refuse' : stamp.repeatedHour;
    const repeated = { first: before, second: after, refuse: 'null', 'by-order': 'p.told_us' }[repeatedHour];
    return `select t.${pass}, coalesce(t.wall_us - t.stamp_offset_us, case when ${isRepeated} then ${repeated}
        when d.change_kind = 'missing' and ${isInChange} then null
        when ${withinDay} >= d.change_to_us and d.change_kind <> 'none' then ${after}
        else ${before} end)${shift} as period_us, t.wall_us as stamped_us,
    case when t.stamp_offset_us is not null then null when d.change_kind = 'missing' and ${isInChange} then 'row.stamp-missing-hour'
        when ${isRepeated} and ${repeated} is null then 'row.stamp-repeated-hour' end as clock_fault
from typed as t left join stamp_days as d on d.day_no = cast(t.wall_us // ${DAY_US} as integer)${isByOrder ? '\n    left join passes as p on p.payload_no = t.payload_no and p.line_no = t.line_no' : ''}`;
}

/** Local stamps that happened twice are told by the order of the rows; one row for a day has none. */
function isToldByOrder(contract: FeedContract): boolean {
    const { clock, repeatedHour } = contract.reading.stamp;
    return clock.kind === 'local' && repeatedHour === 'by-order' && cellsOf(contract).length === 0;
}

function dayedCte(options: TypedRowsOptions): string {
    if (options.fixedOffsetUs !== undefined) {
        const local = `((period_us + ${options.fixedOffsetUs}) // ${DAY_US})`;
        return `select *, case when period_us >= ${FIRST_STAMP_US} then cast(${local} as integer) end as market_day_no,
    ${local} * ${DAY_US} - ${options.fixedOffsetUs} as day_from_us, (${local} + 1) * ${DAY_US} - ${options.fixedOffsetUs} as day_to_us from placed`;
    }
    return `select p.*, ${marketDayColumns('p.period_us', 'u')}
from placed as p left join utc_dates as u on u.utc_day_no = cast(p.period_us // ${DAY_US} as integer)`;
}

/** Market day, its first instant and its end, of an instant joined with its UTC date's row of `utc_dates`. */
export function marketDayColumns(us: string, row: string): string {
    const pick = (before: number) =>
        `case when ${us} < ${row}.from_1_us then ${row}.from_${before}_us when ${us} < ${row}.from_2_us then ${row}.from_${before + 1}_us else ${row}.from_${before === 0 ? 2 : 3}_us end`;
    const days = `case when ${us} < ${row}.from_1_us then 0 when ${us} < ${row}.from_2_us then 1 else 2 end`;
    return `${row}.first_day_no + ${days} as market_day_no, ${pick(0)} as day_from_us, ${pick(1)} as day_to_us`;
}

function mappedCte(contract: FeedContract): string {
    // a day without the hour has columns for it all the same, and they are blank
    const isFilled =
        cellsOf(contract).length === 0
            ? ''
            : " where value_text <> '' or coalesce(clock_fault, '') not in ('row.stamp-missing-hour', 'row.period-surplus')";
    return `select d.*, c.channel_no, c.interval_minutes as channel_minutes, coalesce(c.has_export, false) as has_export
from dayed as d left join channel_map as c
    on c.external_key = d.meter_key and c.register_key = d.register_key
    and d.period_us >= c.valid_from_us and d.period_us < c.valid_to_us${isFilled}`;
}

const LENGTH_US = 'cast(minutes as bigint) * 60000000';

function check(rule: RowRule, role: ColumnRole, when: string): RowCheck {
    return { rule, role, when: `coalesce(${when}, false)` };
}

/** Conditions over the columns of the query joined with the payload's `received_us`. */
function rowChecks(contract: FeedContract, has: (role: ColumnRole) => boolean): RowCheck[] {
    const given = (isPossible: boolean, ...checks: RowCheck[]) => (isPossible ? checks : []);
    return [
        check('row.meter-blank', 'meter', "meter_key = ''"),
        ...given(has('minutes'), check('row.minutes', 'minutes', 'minutes is null')),
        ...stampChecks(contract),
        ...given(has('unit'), check('row.unit', 'unit', 'not unit_is_known')),
        check('row.quality', 'quality', 'stated_quality is null'),
        ...given(has('version'), check('row.version', 'version', 'has_version and version_stamp is null')),
        ...valueChecks(contract, has),
        check('row.interval-length', 'minutes', 'channel_no is not null and minutes <> channel_minutes'),
    ];
}

function stampChecks(contract: FeedContract): RowCheck[] {
    const { stamp } = contract.reading;
    const onStamp = (rule: RowRule, when: string) => check(rule, 'stamp', when);
    const clockFault = (rule: RowRule) => onStamp(rule, `stamp_is_well_formed and clock_fault = '${rule}'`);
    const isPeriods = cellsOf(contract)[0]?.cell.kind === 'period';
    const placed = '(clock_fault is null and period_us is not null and market_day_no is not null)';
    // what a local clock showed when the session's days of it end is no instant, but tells before or after
    const instant = 'coalesce(period_us, stamped_us)';
    return [
        onStamp('row.stamp-format', 'not stamp_is_well_formed'),
        ...(stamp.clock.kind === 'local'
            ? [clockFault('row.stamp-missing-hour'), clockFault('row.stamp-repeated-hour')]
            : []),
        ...(isPeriods ? [check('row.period-surplus', 'cell', "clock_fault = 'row.period-surplus'")] : []),
        onStamp(
            'row.stamp-impossible',
            `stamp_is_well_formed and clock_fault is null and minutes is not null and ${instant} is null`,
        ),
        onStamp(
            'row.stamp-too-old',
            `clock_fault is null and minutes is not null and market_day_no is null and ${instant} < received_us`,
        ),
        onStamp(
            'row.stamp-future',
            `clock_fault is null and ${instant} + ${LENGTH_US} > received_us + cast(${stamp.maxFutureMinutes} as bigint) * 60000000`,
        ),
        onStamp('row.stamp-off-grid', `${placed} and (period_us - day_from_us) % (${LENGTH_US}) <> 0`),
        onStamp(
            'row.stamp-crosses-midnight',
            `${placed} and (period_us - day_from_us) % (${LENGTH_US}) = 0 and period_us + ${LENGTH_US} > day_to_us`,
        ),
    ];
}

const NEEDS_VALUE =
    "(stated_quality is null or stated_quality in ('measured', 'estimated')) and not value_is_null";

function needsExport({ reading }: FeedContract): string {
    return reading.value.allowsNegative ? 'false' : `(${NEEDS_VALUE} and value_is_number and kwh < 0)`;
}

function valueChecks(contract: FeedContract, has: (role: ColumnRole) => boolean): RowCheck[] {
    const { value, unit } = contract.reading;
    const onValue = (rule: RowRule, when: string) => check(rule, 'value', when);
    const isNumber = `(${NEEDS_VALUE} and value_is_number)`;
    // also where no value is needed: what is no number was meant to say something
    const isText = "value_text <> '' and not value_is_null and not value_is_number";
    // of power the energy is not known where the length is not
    const isMeasurable = `(minutes is not null or ${has('unit') ? 'unit_text' : sqlText(unit)} <> 'kW')`;
    // whether there is export is known with the channel; the index of a register is never negative
    const isOfKnown = contract.kind === 'interval' ? 'channel_no is not null' : 'true';
    return [
        onValue('row.value-missing', `${NEEDS_VALUE} and value_text = ''`),
        onValue('row.value-format', isText),
        onValue('row.value-decimals', `${isNumber} and decimal_places > ${value.maxDecimals}`),
        onValue('row.value-negative', `${needsExport(contract)} and ${isOfKnown} and not has_export`),
        onValue(
            'row.value-too-large',
            `${isNumber} and decimal_places <= ${value.maxDecimals} and unit_is_known and ${isMeasurable} and (kwh is null or abs(kwh) > cast(${sqlText(value.maxKwh)} as decimal(18, 6)))`,
        ),
    ];
}

/** Rules about the length of an interval, which a register read has not. */
const OF_INTERVALS: ReadonlySet<RowRule> = new Set([
    'row.stamp-off-grid',
    'row.stamp-crosses-midnight',
    'row.interval-length',
]);
