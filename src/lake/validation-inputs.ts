import {
    type RuleScope,
    type RuleSettings,
    VALIDATION_RULES,
    type ValidationPolicy,
    type ValidationRuleId,
} from '../contracts/validation-rules.ts';
import type { EngineSession, EngineValue } from '../engine/engine.ts';
import { addDays, type CalendarDate } from '../kernel/calendar-date.ts';
import { fingerprint } from '../kernel/hash.ts';
import { believedAt } from '../registry/believed-table.ts';
import { type AsKnown, knownAtText } from '../registry/channel-directory.ts';
import type { Database } from '../store/database.ts';
import type { Lake, PartitionKey } from './lake.ts';

/** Rules of these are judged with the partition that the readings are of. */
export const OWN_DAY_SCOPES: readonly RuleScope[] = ['interval', 'day'];

/** What a job validates by, read before the engine starts. */
export interface ValidationInputs {
    readonly policy: ValidationPolicy;
    /** Channels of a class that the policy names: channel, class, first day and the day after the last. */
    readonly classes: readonly EngineValue[][];
    /** Channels whose rated power is known: channel, watts, first day and the day after the last. */
    readonly ratings: readonly EngineValue[][];
}

type Reader = Pick<Database, 'query'>;

interface AttributeRow {
    readonly channelNo: number;
    readonly value: string;
    readonly from: CalendarDate;
    readonly to: CalendarDate;
}

/** Attributes, as believed now or at `knownAt`, of the channels of these partitions on their days; rated power where `vee.maximum` is on, or registers are judged. */
export async function readValidationInputs(
    lake: Pick<Lake, 'validation' | 'bucketSize'>,
    db: Reader,
    partitions: readonly PartitionKey[],
    known: AsKnown & { readonly judgesRegisters?: true } = {},
): Promise<ValidationInputs> {
    const policy = lake.validation;
    const days = partitions.map((p) => p.marketDay).sort();
    const [first, last] = [days[0], days.at(-1)];
    const read = async (attribute: string): Promise<AttributeRow[]> => {
        if (first === undefined || last === undefined) return [];
        const buckets = [...new Set(partitions.map((p) => p.bucket))];
        const parameters = [attribute, knownAtText(known), lake.bucketSize, buckets, first, addDays(last, 1)];
        return db.query<AttributeRow>(ATTRIBUTES, parameters);
    };
    const classes = namesClasses(policy) ? await read(policy.classAttribute) : [];
    const ratings =
        known.judgesRegisters || judgesMaximum(policy) ? await read(policy.ratedPowerAttribute) : [];
    return {
        policy,
        classes: classes
            .filter(({ value }) => Object.hasOwn(policy.classes, value))
            .map(({ channelNo, value, from, to }) => [channelNo, value, from, to]),
        ratings: ratings.flatMap(({ channelNo, value, from, to }) => {
            const watts = wattsOf(value);
            return watts === undefined ? [] : [[channelNo, watts, from, to]];
        }),
    };
}

// $1: attribute, $2: instant or null, $3: channels in a bucket, $4: buckets, $5 and $6: days
const ATTRIBUTES = `
select v.channel_no as "channelNo", a.value,
       greatest(coalesce(lower(a.valid_during), $5::date), $5::date) as "from",
       least(coalesce(upper(a.valid_during), $6::date), $6::date) as "to"
  from metering_point_attributes a join channel_validities v using (metering_point_no)
 where a.attribute = $1 and ${believedAt('a', '$2')} and ${believedAt('v', '$2')}
   and v.channel_no / $3::integer = any($4::integer[]) and a.valid_during && daterange($5::date, $6::date)
 order by 1, 3`;

function namesClasses(policy: ValidationPolicy): boolean {
    return Object.keys(policy.classes).length > 0;
}

function judgesMaximum(policy: ValidationPolicy): boolean {
    return [policy.rules, ...Object.values(policy.classes)].some(
        (rules) => rules['vee.maximum'].severity !== 'off',
    );
}

const WATTS_MAX = 1_000_000_000;

/** Whole watts, rounded down, of an attribute that says kW; undefined where it says no such number. */
function wattsOf(text: string): number | undefined {
    const found = /^(\d{1,7})(?:\.(\d{1,3})\d*)?$/.exec(text.trim());
    const watts = found ? Number(found[1]) * 1000 + Number((found[2] ?? '').padEnd(3, '0')) : 0;
    return watts > 0 && watts <= WATTS_MAX ? watts : undefined;
}

/** Leaves the session's tables `rule_settings`, `channel_classes` and `channel_ratings`, each with the prefix before its name. */
export async function registerValidation(
    session: EngineSession,
    { policy, classes, ratings }: ValidationInputs,
    prefix = '',
): Promise<void> {
    const named = [['', policy.rules] as const, ...Object.entries(policy.classes)];
    await session.registerRows(
        `${prefix}rule_settings`,
        [
            { name: 'class_name', type: 'string' },
            ...SETTING_COLUMNS.map(({ name, type }) => ({ name, type })),
        ],
        named.map(([name, rules]) => [name, ...SETTING_COLUMNS.map((column) => column.value(rules))]),
    );
    const days = ['from_day', 'to_day'].map((name) => ({ name, type: 'date' }));
    const channel = { name: 'channel_no', type: 'integer' };
    const className = { name: 'class_name', type: 'string' };
    await session.registerRows(`${prefix}channel_classes`, [channel, className, ...days], classes);
    const watts = { name: 'rated_watts', type: 'bigint' };
    await session.registerRows(`${prefix}channel_ratings`, [channel, watts, ...days], ratings);
}

interface SettingColumn {
    readonly name: string;
    readonly type: 'string' | 'bigint';
    readonly value: (rules: RuleSettings) => string | number | null;
}

const severity = (name: string, id: ValidationRuleId): SettingColumn => ({
    name,
    type: 'string',
    value: (rules) => (rules[id].severity === 'off' ? null : rules[id].severity),
});

/** A parameter in thousandths, times a factor that gives the unit of the column. */
const scaled = (name: string, id: ValidationRuleId, parameter: string, factor: number): SettingColumn => ({
    name,
    type: 'bigint',
    value: (rules) => {
        const thousandths = rules[id].parameters[parameter] ?? null;
        return thousandths === null ? null : Math.round(thousandths * factor);
    },
});

const SETTING_COLUMNS: readonly SettingColumn[] = [
    severity('flat_severity', 'vee.flat-line'),
    scaled('flat_minutes', 'vee.flat-line', 'hours', 60 / 1000),
    severity('count_severity', 'vee.interval-count'),
    severity('high_low_severity', 'vee.high-low'),
    scaled('high_low_weeks', 'vee.high-low', 'weeks', 1 / 1000),
    scaled('high_low_weeks_min', 'vee.high-low', 'weeksMin', 1 / 1000),
    scaled('high_thousandths', 'vee.high-low', 'highPercent', 1),
    scaled('low_thousandths', 'vee.high-low', 'lowPercent', 1),
    scaled('high_low_least_wh', 'vee.high-low', 'leastKwh', 1),
    severity('check_severity', 'vee.main-check'),
    scaled('check_thousandths', 'vee.main-check', 'percent', 1),
    scaled('check_least_wh', 'vee.main-check', 'leastKwh', 1),
    severity('prolonged_severity', 'vee.prolonged-estimation'),
    scaled('prolonged_days', 'vee.prolonged-estimation', 'days', 1 / 1000),
    severity('maximum_severity', 'vee.maximum'),
    scaled('maximum_watts', 'vee.maximum', 'ratedKw', 1),
    scaled('maximum_thousandths', 'vee.maximum', 'percent', 1),
    severity('digits_severity', 'vee.register-digits'),
    severity('register_maximum_severity', 'vee.register-maximum'),
    scaled('register_maximum_thousandths', 'vee.register-maximum', 'percent', 1),
    severity('reverse_severity', 'vee.reverse-register'),
    scaled('most_watts', 'vee.reverse-register', 'mostKw', 1),
    severity('sum_severity', 'vee.sum-check'),
    scaled('sum_thousandths', 'vee.sum-check', 'percent', 1),
    severity('spike_severity', 'vee.spike'),
    scaled('spike_thousandths', 'vee.spike', 'percent', 1),
    scaled('spike_watts', 'vee.spike', 'leastKw', 1),
    severity('too_old_severity', 'vee.too-old'),
    scaled('too_old_us', 'vee.too-old', 'days', 86_400_000_000 / 1000),
    severity('zero_severity', 'vee.zero'),
    scaled('zero_minutes', 'vee.zero', 'hours', 60 / 1000),
];

/** The rules that judge single readings; `vee.interval-count` goes by what is not there. */
const OF_READINGS: readonly ValidationRuleId[] = [
    'vee.flat-line',
    'vee.maximum',
    'vee.spike',
    'vee.too-old',
    'vee.zero',
];

/** Whether any of them is on for any metering point. */
export function judgesReadings(policy: ValidationPolicy): boolean {
    return [policy.rules, ...Object.values(policy.classes)].some((rules) =>
        OF_READINGS.some((id) => rules[id].severity !== 'off'),
    );
}

/** The most of a parameter in thousandths that any metering point may have; 0 where the rule is off for all. */
export function largestOf(policy: ValidationPolicy, id: ValidationRuleId, parameter: string): number {
    const judging = [policy.rules, ...Object.values(policy.classes)].filter(
        (rules) => rules[id].severity !== 'off',
    );
    return Math.max(0, ...judging.map((rules) => rules[id].parameters[parameter] ?? 0));
}

/** SQL of what attributes, named by this parameter, are known to have changed for a partition, whose key has this alias: as `count:highest`. */
export function attributesOf(key: string, names: string): string {
    return `(select count(*) || ':' || coalesce(max(change_no), 0) from attribute_changes a
         where a.bucket = ${key}.bucket and a.days @> ${key}.market_day and a.attribute = any(${names}::text[]))`;
}

/** The attributes by which readings are validated. */
export function validatingAttributes({ validation }: Pick<Lake, 'validation'>): string[] {
    return [validation.classAttribute, validation.ratedPowerAttribute];
}

/**
 * Gives the fingerprint of all settings that a partition is validated by: those of a class only where a channel of the bucket is of it on that
 * day, so that what changes for one class makes nothing of the others stale.
 */
export async function settingsFingerprints(
    lake: Pick<Lake, 'validation' | 'bucketSize'>,
    db: Reader,
    scopes: readonly RuleScope[],
): Promise<(key: PartitionKey) => string> {
    const policy = lake.validation;
    const told = (rules: RuleSettings) => {
        const ids = Object.keys(rules).filter((id) =>
            scopes.includes(VALIDATION_RULES[id as ValidationRuleId].scope),
        );
        return Object.fromEntries(ids.map((id) => [id, rules[id as ValidationRuleId]]));
    };
    const present = namesClasses(policy) ? await classesOfBuckets(lake, db) : new Map();
    const texts = new Map<string, string>();
    return ({ bucket, marketDay }) => {
        const names = (present.get(bucket) ?? [])
            .filter((c: ClassDays) => c.from <= marketDay && marketDay < c.to)
            .map((c: ClassDays) => c.value);
        const key = [...new Set<string>(names)].sort();
        const known = texts.get(key.join('\n'));
        if (known !== undefined) return known;
        const classes = key.map((name) => [name, told(policy.classes[name] ?? policy.rules)]);
        const text = fingerprint({ rules: told(policy.rules), classes }).slice(0, 16);
        texts.set(key.join('\n'), text);
        return text;
    };
}

interface ClassDays {
    readonly bucket: number;
    readonly value: string;
    /** Texts that compare as days; unbounded ones lie before and after all. */
    readonly from: string;
    readonly to: string;
}

async function classesOfBuckets(
    { validation, bucketSize }: Pick<Lake, 'validation' | 'bucketSize'>,
    db: Reader,
): Promise<Map<number, ClassDays[]>> {
    const rows = await db.query<ClassDays>(
        `select distinct v.channel_no / $1::integer as bucket, a.value,
                coalesce(lower(a.valid_during)::text, '0') as "from", coalesce(upper(a.valid_during)::text, '9') as "to"
           from metering_point_attributes a join channel_validities v using (metering_point_no)
          where a.known_to is null and v.known_to is null and a.attribute = $2 and a.value = any($3)`,
        [bucketSize, validation.classAttribute, Object.keys(validation.classes)],
    );
    return Map.groupBy(rows, ({ bucket }) => bucket);
}
