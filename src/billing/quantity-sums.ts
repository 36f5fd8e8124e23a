import { LAKE_TABLES } from '../contracts/lake-tables.ts';
import { compileModel } from '../engine/compile.ts';
import type { Engine, EngineRow, EngineSession, EngineValue } from '../engine/engine.ts';
import { namingModel } from '../engine/model-failure.ts';
import { type DatePeriod, listDays } from '../kernel/calendar-date.ts';
import { add, type Decimal, decimal } from '../kernel/decimal.ts';
import { instantText } from '../kernel/period.ts';
import type { IntervalPrices } from './interval-prices.ts';
import { type BillingInputs, MARK_TABLES } from './rating-dimensions.ts';
import type { RatedPoint, RatingPlan } from './rating-plan.ts';
import type { SlotClasses } from './slot-classes.ts';
import { planSumSets, type SumSet } from './sum-sets.ts';
import { haveIntervalPrices } from './tariff-checks.ts';

/** Energy of a metering point in the intervals of one class; on one local day, or in the whole period where `day` is null. */
export interface QuantitySum {
    readonly day: string | null;
    readonly classNo: number;
    readonly kwh: Decimal;
    readonly estimatedKwh: Decimal;
    readonly intervalCount: number;
}

/** Amount of a charge that is priced by interval; `rounded` counts the charge's smallest unit. */
export interface IntervalAmount {
    readonly day: string | null;
    readonly classNo: number;
    readonly chargeKey: number;
    readonly exact: Decimal;
    readonly roundedUnits: bigint;
}

/** A run of missing intervals of a channel, UTC epoch milliseconds, half-open. */
export interface ChannelGap {
    readonly channelNo: number;
    readonly from: number;
    readonly to: number;
    readonly missingCount: number;
}

/** A day of a channel that fails a rule of validation by which bills are held. */
export interface HeldDay {
    readonly channelNo: number;
    readonly day: string;
    readonly ruleId: string;
}

/** Sums by number of the metering point within the run, in order of day and class. */
export interface PointSums {
    readonly quantities: ReadonlyMap<number, readonly QuantitySum[]>;
    readonly amounts: ReadonlyMap<number, readonly IntervalAmount[]>;
    readonly gaps: ReadonlyMap<number, readonly ChannelGap[]>;
    readonly holds: ReadonlyMap<number, readonly HeldDay[]>;
}

const MODELS = ['rated_quantities', 'interval_amounts', 'rated_gaps', 'held_days'] as const;
const MARK_COLUMNS = new Set(['market_day', 'channel_no', 'rule_id', 'severity']);
const READ_COLUMNS = new Set(['market_day', 'channel_no', 'period_from', 'kwh', 'quality']);

/** Fingerprints of the models by name, to be recorded with what is made from them. */
export function billingModelFingerprints(engine: Engine): Record<string, string> {
    return Object.fromEntries(
        MODELS.map((name) => [name, compileModel(`billing/${name}`, engine.dialect).fingerprint]),
    );
}

/** Sums the period's readings in the engine, to the finest grain on which every price is constant. */
export async function sumQuantities(
    engine: Engine,
    inputs: BillingInputs,
    plan: RatingPlan,
    slots: SlotClasses,
    prices: IntervalPrices,
): Promise<PointSums> {
    const session = await engine.openSession({ joinsAsWritten: true });
    try {
        await registerInputs(session, inputs, plan, slots, prices);
        const rowsOf = (name: (typeof MODELS)[number]) => {
            const { name: model, sql } = compileModel(`billing/${name}`, engine.dialect);
            return namingModel(model, () => session.rows(sql));
        };
        const quantities = new Map<number, QuantitySum[]>();
        for (const set of planSumSets(plan, slots)) {
            await registerSet(session, set, slots, inputs.channels.length);
            addQuantities(quantities, await rowsOf('rated_quantities'), set, slots, inputs.period);
        }
        const amounts = prices.rows.length === 0 ? [] : await rowsOf('interval_amounts');
        const gaps = inputs.gapFiles.length === 0 ? [] : await rowsOf('rated_gaps');
        const hasMarks =
            inputs.registerHolds.length > 0 ||
            MARK_TABLES.some((table) => inputs.markFiles[table].length > 0);
        const holds = hasMarks ? await rowsOf('held_days') : [];
        return {
            quantities,
            amounts: byPoint(
                amounts,
                intervalAmount,
                (a, b) => compareSums(a, b) || a.chargeKey - b.chargeKey,
            ),
            gaps: byPoint(gaps, channelGap, (a, b) => a.channelNo - b.channelNo || a.from - b.from),
            holds: byPoint(holds, heldDay, compareHolds),
        };
    } finally {
        await session.close();
    }
}

async function registerInputs(
    session: EngineSession,
    inputs: BillingInputs,
    plan: RatingPlan,
    slots: SlotClasses,
    prices: IntervalPrices,
): Promise<void> {
    const readColumns = LAKE_TABLES.reads_interval.filter((column) => READ_COLUMNS.has(column.name));
    await session.registerFiles('reading_gaps', LAKE_TABLES.reading_gaps, inputs.gapFiles);
    // a file may hold market days beside those of the period, and their slot keys would be those of another profile
    const within = `market_day >= date '${inputs.period.from}' and market_day < date '${inputs.period.to}'`;
    const hasOthers = (file: string) => inputs.filesOfOtherDays?.has(file) ?? true;
    const { mixed = [], whole = [] } = Object.groupBy(inputs.readsIntervalFiles, (file) =>
        hasOthers(file) ? 'mixed' : 'whole',
    );
    await session.registerFiles('mixed_reads', readColumns, mixed);
    await session.registerFiles('whole_reads', readColumns, whole);
    // to ask 60 million readings for their day took a twelfth of the time of their sums
    const reads = [
        ...(whole.length > 0 ? ['select * from whole_reads'] : []),
        ...(mixed.length > 0 || whole.length === 0 ? [`select * from mixed_reads where ${within}`] : []),
    ];
    await session.run(`create or replace temp view period_reads as ${reads.join(' union all ')}`);
    await session.run(
        `create or replace temp view period_gaps as select * from reading_gaps where ${within}`,
    );
    const marks: string[] = [];
    for (const table of MARK_TABLES) {
        const markColumns = LAKE_TABLES[table].filter((column) => MARK_COLUMNS.has(column.name));
        await session.registerFiles(table, markColumns, inputs.markFiles[table]);
        marks.push(`select * from ${table} where ${within}`);
    }
    await session.registerRows(
        'register_holds',
        LAKE_TABLES.reading_marks.filter((column) => MARK_COLUMNS.has(column.name)),
        inputs.registerHolds.map(({ day, channelNo, ruleId }) => [day, channelNo, ruleId, 'hold']),
    );
    marks.push(`select * from register_holds where ${within}`);
    await session.run(`create or replace temp view period_marks as ${marks.join(' union all ')}`);
    await session.registerRows('rated_channels', RATED_CHANNELS, channelRows(plan, slots));
    await session.registerRows('rate_slots', RATE_SLOTS, slots.slotRows);
    await session.registerRows('interval_prices', INTERVAL_PRICES, prices.rows);
}

const RATED_CHANNELS = [
    { name: 'channel_no', type: 'integer' },
    { name: 'point_no', type: 'integer' },
    { name: 'is_by_day', type: 'boolean' },
    { name: 'has_interval_prices', type: 'boolean' },
    { name: 'slot_origin', type: 'bigint' },
];
const RATE_SLOTS = [
    { name: 'slot_key', type: 'integer' },
    { name: 'class_no', type: 'integer' },
];
const INTERVAL_PRICES = [
    { name: 'slot_key', type: 'integer' },
    { name: 'charge_key', type: 'integer' },
    { name: 'price', type: 'decimal(19,12)' },
    { name: 'rounding_price', type: 'decimal(19,12)' },
    { name: 'rounding_mode', type: 'string' },
];

/** One row per channel: the engine joins on it, and a second one would count each reading twice. */
function channelRows(plan: RatingPlan, slots: SlotClasses): EngineValue[][] {
    return plan.points.flatMap((point) => {
        const { slotOrigin } = slots.runOf(point);
        const channelNos = [...new Set(point.channels.map((channel) => channel.channelNo))];
        return channelNos.map((no) => [
            no,
            point.pointNo,
            point.isByDay,
            haveIntervalPrices(point.stays.flatMap((stay) => stay.segments.map((s) => s.version))),
            slotOrigin,
        ]);
    });
}

/** Leaves `set_reads` and `sum_slots`. A set with most of the channels reads all: to ask of each reading whether it belongs costs more. */
async function registerSet(
    session: EngineSession,
    set: SumSet,
    slots: SlotClasses,
    channelCount: number,
): Promise<void> {
    await session.registerRows(
        'sum_slots',
        [
            { name: 'slot_from', type: 'timestamp' },
            { name: 'sum_class', type: 'integer' },
        ],
        slots.slots.map((slot, i) => [instantText(slot.at), set.classOfSlot[i] ?? 0]),
    );
    const channelNos = [...set.pointByChannel.keys()];
    const isMost = channelNos.length * 2 > channelCount;
    await session.registerRows(
        'set_channels',
        [{ name: 'channel_no', type: 'integer' }],
        isMost ? [] : channelNos.map((no) => [no]),
    );
    const only = isMost ? '' : ' where channel_no in (select channel_no from set_channels)';
    await session.run(`create or replace temp view set_reads as select * from period_reads${only}`);
}

/** Adds a set's sums to those of its metering points, in order of day and class. */
function addQuantities(
    quantities: Map<number, QuantitySum[]>,
    rows: readonly EngineRow[],
    set: SumSet,
    slots: SlotClasses,
    period: DatePeriod,
): void {
    const days = listDays(period);
    const partsByPoint = new Map<RatedPoint, QuantitySum[]>();
    for (const row of rows) {
        const point = set.pointByChannel.get(Number(row['channel_no']));
        if (!point) continue;
        const slotIndex = set.firstSlots[Number(row['sum_class'])] ?? 0;
        const part: QuantitySum = {
            day: set.isByDay ? (days[slots.slots[slotIndex]?.dayNo ?? 0] ?? null) : null,
            classNo: slots.runOf(point).classNo(slotIndex),
            kwh: decimal(String(row['kwh'])),
            estimatedKwh: decimal(String(row['estimated_kwh'])),
            intervalCount: Number(row['interval_count']),
        };
        const parts = partsByPoint.get(point);
        if (parts) parts.push(part);
        else partsByPoint.set(point, [part]);
    }
    for (const [point, parts] of partsByPoint) quantities.set(point.pointNo, merged(parts));
}

/** Parts of the same day and class as one. */
function merged(parts: QuantitySum[]): QuantitySum[] {
    const sums: QuantitySum[] = [];
    for (const part of parts.sort(compareSums)) {
        const last = sums.at(-1);
        if (last === undefined || compareSums(last, part) !== 0) {
            sums.push(part);
            continue;
        }
        sums[sums.length - 1] = {
            ...last,
            kwh: add(last.kwh, part.kwh),
            estimatedKwh: add(last.estimatedKwh, part.estimatedKwh),
            intervalCount: last.intervalCount + part.intervalCount,
        };
    }
    return sums;
}

function intervalAmount(row: EngineRow): IntervalAmount {
    return {
        day: row['service_day'] === null ? null : String(row['service_day']),
        classNo: Number(row['class_no']),
        chargeKey: Number(row['charge_key']),
        exact: decimal(String(row['amount_exact'])),
        roundedUnits: BigInt(String(row['rounded_units'])),
    };
}

function channelGap(row: EngineRow): ChannelGap {
    return {
        channelNo: Number(row['channel_no']),
        from: Number(row['gap_from_us']) / 1000,
        to: Number(row['gap_to_us']) / 1000,
        missingCount: Number(row['missing_count']),
    };
}

function heldDay(row: EngineRow): HeldDay {
    const day = String(row['market_day']);
    return { channelNo: Number(row['channel_no']), day, ruleId: String(row['rule_id']) };
}

function compareHolds(a: HeldDay, b: HeldDay): number {
    const key = ({ ruleId, day }: HeldDay) => `${ruleId} ${day}`;
    return a.channelNo - b.channelNo || (key(a) < key(b) ? -1 : 1);
}

function byPoint<T>(
    rows: readonly EngineRow[],
    read: (row: EngineRow) => T,
    compare: (a: T, b: T) => number,
): Map<number, T[]> {
    const sums = new Map<number, T[]>();
    for (const row of rows) {
        const pointNo = Number(row['point_no']);
        const known = sums.get(pointNo);
        if (known) known.push(read(row));
        else sums.set(pointNo, [read(row)]);
    }
    for (const ofPoint of sums.values()) ofPoint.sort(compare);
    return sums;
}

function compareSums(
    a: { day: string | null; classNo: number },
    b: { day: string | null; classNo: number },
): number {
    if (a.day !== b.day) return (a.day ?? '') < (b.day ?? '') ? -1 : 1;
    return a.classNo - b.classNo;
}
