import type { EngineSession, EngineValue } from '../engine/engine.ts';
import { addDays, type CalendarDate } from '../kernel/calendar-date.ts';
import { fingerprint } from '../kernel/hash.ts';
import { marketDayPeriod } from '../kernel/market-day.ts';
import type { Zone } from '../kernel/zone.ts';
import { believedAt } from '../registry/believed-table.ts';
import { type AsKnown, knownAtText } from '../registry/channel-directory.ts';
import type { Database } from '../store/database.ts';
import type { Lake, PartitionKey } from './lake.ts';
import type { ShapeWeights } from './load-shapes.ts';

/** What attributes of metering points say of channels of consumption; days are half-open. */
export interface ChannelShapes {
    /** Channels of a class that has a load shape: channel, class, first day and the day after the last. */
    readonly classes: readonly (readonly [number, string, CalendarDate, CalendarDate])[];
    /** Channels whose metering point says what it takes in a year, in kWh: channel, energy, first day and the day after the last. */
    readonly consumptions: readonly (readonly [number, string, CalendarDate, CalendarDate])[];
}

export const NO_SHAPES: ChannelShapes = { classes: [], consumptions: [] };

type Asking = Pick<Lake, 'estimation' | 'validation' | 'bucketSize'>;

/** The attributes that estimates by load shapes go by; none where there are no shapes. */
export function shapingAttributes({
    estimation,
    validation,
}: Pick<Lake, 'estimation' | 'validation'>): string[] {
    const { methods, loadShapes, annualConsumptionAttribute } = estimation;
    if (!methods.includes('load-shape') || Object.keys(loadShapes).length === 0) return [];
    return [validation.classAttribute, annualConsumptionAttribute];
}

/**
 * Part of the statement that reads the states of partitions: what of the registration and of these attributes touches the days that many before and after a
 * partition, whose key has this alias; null where no attribute is named. Whether a channel has its metering point for itself goes by other buckets too.
 */
export function shapeChanges(key: string, reach: string, names: string): string {
    const days = `daterange(${key}.market_day - ${reach}::integer, ${key}.market_day + ${reach}::integer + 1)`;
    return `case when cardinality(${names}::text[]) > 0 then
        (select count(*) || ':' || coalesce(max(change_no), 0) from registration_changes r where r.days && ${days}) || '/' ||
        (select count(*) || ':' || coalesce(max(change_no), 0) from attribute_changes a
          where a.bucket = ${key}.bucket and a.days && ${days} and a.attribute = any(${names}::text[])) end`;
}

/** As believed now or at `knownAt`, of channels of the buckets of these partitions from the first of their days to the last. */
export async function readChannelShapes(
    lake: Asking,
    db: Pick<Database, 'query'>,
    partitions: readonly PartitionKey[],
    known: AsKnown = {},
): Promise<ChannelShapes> {
    const [classAttribute, consumptionAttribute] = shapingAttributes(lake);
    const days = partitions.map(({ marketDay }) => marketDay).sort();
    const [first, last] = [days[0], days.at(-1)];
    if (classAttribute === undefined || consumptionAttribute === undefined) return NO_SHAPES;
    if (first === undefined || last === undefined) return NO_SHAPES;
    const buckets = [...new Set(partitions.map(({ bucket }) => bucket))];
    const read = async (attribute: string, isAlone: boolean) => {
        const asked = [knownAtText(known), lake.bucketSize, buckets, first, addDays(last, 1)];
        const rows = await db.query<AttributeRow>(ATTRIBUTES, [attribute, ...asked, isAlone]);
        return rows.map(({ channelNo, value, from, to }) => [channelNo, value, from, to] as const);
    };
    const classes = await read(classAttribute, false);
    const consumptions = await read(consumptionAttribute, true);
    return {
        classes: classes.filter(([, name]) => Object.hasOwn(lake.estimation.loadShapes, name)),
        consumptions: consumptions.flatMap(([channelNo, text, from, to]) => {
            const kwh = kwhOf(text);
            return kwh === undefined ? [] : [[channelNo, kwh, from, to] as const];
        }),
    };
}

interface AttributeRow {
    readonly channelNo: number;
    readonly value: string;
    readonly from: CalendarDate;
    readonly to: CalendarDate;
}

// $1: attribute, $2: instant or null, $3: channels in a bucket, $4: buckets, $5 and $6: days, $7: only channels that have their metering point for
// themselves, as what it takes in a year cannot be told apart by channel
const ATTRIBUTES = `
select v.channel_no as "channelNo", a.value,
       greatest(coalesce(lower(a.valid_during), $5::date), $5::date) as "from",
       least(coalesce(upper(a.valid_during), $6::date), $6::date) as "to"
  from metering_point_attributes a
  join channel_validities v using (metering_point_no) join channels c using (channel_no)
 where a.attribute = $1 and ${believedAt('a', '$2')} and ${believedAt('v', '$2')} and c.flow = 'to_customer'
   and v.channel_no / $3::integer = any($4::integer[]) and a.valid_during && daterange($5::date, $6::date)
   and not ($7::boolean and exists (
       select from channel_validities o join channels p using (channel_no)
        where o.metering_point_no = v.metering_point_no and o.channel_no <> v.channel_no and p.flow = 'to_customer'
          and o.valid_during && v.valid_during and ${believedAt('o', '$2')}))
 order by 1, 3`;

const KWH = /^(\d{1,9})(?:\.(\d{1,6})0*)?$/;

/** Exact text of an attribute that says an energy; undefined where it says no such number. */
function kwhOf(text: string): string | undefined {
    const found = KWH.exec(text.trim());
    return found ? `${Number(found[1])}.${(found[2] ?? '').padEnd(6, '0')}` : undefined;
}

/** Leaves `shape_classes` and `annual_consumptions`. */
export async function registerChannelShapes(
    session: EngineSession,
    { classes, consumptions }: ChannelShapes,
): Promise<void> {
    const days = ['from_day', 'to_day'].map((name) => ({ name, type: 'date' }));
    const channel = { name: 'channel_no', type: 'integer' };
    await session.registerRows(
        'shape_classes',
        [
            channel,
            { name: 'class_name', type: 'string' },
            ...days,
            ...['digest_1', 'digest_2'].map((name) => ({ name, type: 'bigint' })),
        ],
        classes.map((row): EngineValue[] => [...row, ...digestsOf(row[1])]),
    );
    await session.registerRows(
        'annual_consumptions',
        [channel, { name: 'annual_kwh', type: 'decimal(18,6)' }, ...days],
        consumptions.map((row): EngineValue[] => [...row]),
    );
}

/** Two numbers of less than 31 bits, as those of readings. */
function digestsOf(className: string): [number, number] {
    const text = fingerprint({ className });
    return [Number.parseInt(text.slice(0, 7), 16), Number.parseInt(text.slice(7, 14), 16)];
}

/** Leaves `shape_days` and `shape_weights` of the classes that channels of the session are of: of these days, and their intervals in these lengths. */
export async function registerShapeWeights(
    session: EngineSession,
    { classes }: ChannelShapes,
    weights: ShapeWeights,
    asked: {
        readonly zone: Zone;
        readonly days: readonly CalendarDate[];
        readonly lengths: readonly number[];
    },
): Promise<void> {
    const names = [...new Set(classes.map(([, name]) => name))].sort();
    const days = [...new Set(asked.days)].sort();
    const key = [
        { name: 'class_name', type: 'string' },
        { name: 'market_day', type: 'date' },
    ];
    const bigints = (...columns: string[]) => columns.map((name) => ({ name, type: 'bigint' }));
    await session.registerRows(
        'shape_days',
        [...key, ...bigints('day_from_us', 'day_to_us', 'day_weight', 'year_weight')],
        names.flatMap((name) =>
            days.map((day): EngineValue[] => {
                const { from, to } = marketDayPeriod(asked.zone, day);
                return [
                    name,
                    day,
                    from * 1000,
                    to * 1000,
                    weights.dayOf(name, day),
                    weights.yearOf(name, day),
                ];
            }),
        ),
    );
    await session.registerRows(
        'shape_weights',
        [...key, { name: 'interval_minutes', type: 'smallint' }, ...bigints('slot_from_us', 'weight')],
        names.flatMap((name) =>
            days.flatMap((day) => {
                const { from } = marketDayPeriod(asked.zone, day);
                return asked.lengths.flatMap((minutes) =>
                    weights
                        .slotsOf(name, day, minutes)
                        .map((weight, i): EngineValue[] => [
                            name,
                            day,
                            minutes,
                            (from + i * minutes * 60_000) * 1000,
                            weight,
                        ]),
                );
            }),
        ),
    );
}
