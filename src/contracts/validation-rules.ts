import type { FileRule, RowRule, WaitingReason } from './ingest-rules.ts';

/**
 * What is done about a reading that fails a rule. `mark`: it is flagged and counts. `estimate`: it does not count as measured, so the interval is
 * missing until an estimate or another version fills it. `hold`: it is flagged and counts, and a bill that has it is held.
 */
export type Severity = 'mark' | 'estimate' | 'hold';
export type SeveritySetting = Severity | 'off';

/**
 * What a rule looks at. Only one that looks at a channel's own market day may say `estimate`: so what is measured on a day depends on the versions
 * of that day alone, and what other days are compared with, or estimated from, never depends on itself.
 */
export type RuleScope = 'interval' | 'day' | 'other-days' | 'other-channels' | 'register';

export interface RuleParameter {
    readonly unit: string;
    /** At most three decimals; null: none, and the rule judges only what has one of its own. */
    readonly default: string | null;
    readonly min: number;
    readonly max: number;
    readonly isWhole?: true;
    readonly means: string;
}

export interface ValidationRule {
    readonly says: string;
    readonly scope: RuleScope;
    readonly severities: readonly Severity[];
    readonly default: SeveritySetting;
    readonly parameters: Readonly<Record<string, RuleParameter>>;
    /** Where the rule and its limits come from; ○ is common practice, and no published rule. */
    readonly source: string;
}

const OWN_DAY: readonly Severity[] = ['mark', 'estimate', 'hold'];
const NO_ESTIMATE: readonly Severity[] = ['mark', 'hold'];

/**
 * The rules that judge readings after their arrival. An id stands in `reads_interval.flags`, in marks, in configuration and in docs/validation.md, and
 * never changes its meaning; a test holds catalogue, models and document equal.
 */
export const VALIDATION_RULES = {
    'vee.flat-line': {
        says: 'All measured values of the market day are the same and not zero, for so many hours of it or for the whole of a shorter day.',
        scope: 'day',
        severities: OWN_DAY,
        default: 'mark',
        parameters: {
            hours: {
                unit: 'h',
                default: '24',
                min: 1,
                max: 24,
                means: 'covered by the values that are alike',
            },
        },
        source: 'OpenSTEF; 24 h ○',
    },
    'vee.high-low': {
        says: 'The energy of the market day lies outside a band around that of the same weekday in the weeks before; of days on which every interval was measured.',
        scope: 'other-days',
        severities: NO_ESTIMATE,
        default: 'mark',
        parameters: {
            weeks: {
                unit: 'weeks',
                default: '4',
                min: 1,
                max: 8,
                isWhole: true,
                means: 'that are looked back',
            },
            weeksMin: {
                unit: 'weeks',
                default: '3',
                min: 1,
                max: 8,
                isWhole: true,
                means: 'of them that must have a whole day to compare with',
            },
            highPercent: {
                unit: '%',
                default: '300',
                min: 100,
                max: 100_000,
                means: 'of the mean of those days that may not be exceeded ○',
            },
            lowPercent: {
                unit: '%',
                default: '20',
                min: 0,
                max: 100,
                means: 'of it that must be reached ○',
            },
            leastKwh: {
                unit: 'kWh',
                default: '1',
                min: 0,
                max: 1_000_000,
                means: 'of the day, or of the mean where the day is too low, below which nothing is judged ○',
            },
        },
        source: 'California, Oracle; limits ○',
    },
    'vee.interval-count': {
        says: 'The market day has fewer values than intervals: 46, 48 or 50 half-hours, 92, 96 or 100 quarter-hours; of a day on which the channel begins or ends, those of its part.',
        scope: 'day',
        severities: NO_ESTIMATE,
        default: 'mark',
        parameters: {},
        source: 'all markets; first check of Elhub',
    },
    'vee.main-check': {
        says: 'The energy of the market day differs from that of the check meter by more than a tolerance; of days on which every interval of both was measured.',
        scope: 'other-channels',
        severities: NO_ESTIMATE,
        default: 'mark',
        parameters: {
            percent: {
                unit: '%',
                default: '2',
                min: 0,
                max: 100,
                means: 'of the energy of the main meter that may be the difference ○',
            },
            leastKwh: {
                unit: 'kWh',
                default: '0.1',
                min: 0,
                max: 1_000_000,
                means: 'difference that is never too much ○',
            },
        },
        source: 'GB: main and check meter; limits ○',
    },
    'vee.maximum': {
        says: 'The value is above what the connection can carry: rated power × length of the interval × factor.',
        scope: 'interval',
        severities: OWN_DAY,
        default: 'mark',
        parameters: {
            ratedKw: {
                unit: 'kW',
                default: null,
                min: 0.001,
                max: 1_000_000,
                means: 'rated power of metering points that have no attribute of their own; without either nothing is judged',
            },
            percent: {
                unit: '%',
                default: '110',
                min: 1,
                max: 1000,
                means: 'of what the rated power gives in an interval',
            },
        },
        source: '"max permissible energy", GB; 110 % ○',
    },
    'vee.prolonged-estimation': {
        says: 'For more days in a row than the limit, up to this one, the channel has estimates, of the source or made here, and no measured value.',
        scope: 'other-days',
        severities: NO_ESTIMATE,
        default: 'mark',
        parameters: {
            days: {
                unit: 'days',
                default: '14',
                min: 1,
                max: 62,
                isWhole: true,
                means: 'that may be estimated in a row ○',
            },
        },
        source: 'Oracle; 14 days ○',
    },
    'vee.register-digits': {
        says: 'A register read has more digits before the decimal point than its register.',
        scope: 'register',
        severities: NO_ESTIMATE,
        default: 'mark',
        parameters: {},
        source: 'Energinet E89, Oracle ○',
    },
    'vee.register-maximum': {
        says: 'A register counted more between two consecutive measured reads than the connection can carry: rated power × time × factor. Only where the rated power of the metering point is known.',
        scope: 'register',
        severities: NO_ESTIMATE,
        default: 'mark',
        parameters: {
            percent: {
                unit: '%',
                default: '110',
                min: 1,
                max: 1000,
                means: 'of what the rated power gives in the time ○',
            },
        },
        source: '"max permissible energy", GB; 110 % ○',
    },
    'vee.reverse-register': {
        says: 'A measured read of a register is below the measured one before it, and the register has not rolled over: its digits are unknown, or the energy until then would be more than the connection can carry.',
        scope: 'register',
        severities: NO_ESTIMATE,
        default: 'mark',
        parameters: {
            mostKw: {
                unit: 'kW',
                default: '100',
                min: 0.001,
                max: 1_000_000,
                means: 'the most that a register may count, where the rated power of the metering point is not known ○',
            },
        },
        source: 'Oracle ○',
    },
    'vee.spike': {
        says: 'The highest measured value of the market day exceeds the third highest by more than a percentage of it.',
        scope: 'day',
        severities: OWN_DAY,
        default: 'mark',
        parameters: {
            percent: {
                unit: '%',
                default: '180',
                min: 1,
                max: 100_000,
                means: '(highest − third highest) / third highest; a third highest of zero is exceeded by any',
            },
            leastKw: {
                unit: 'kW',
                default: '3',
                min: 0,
                max: 1_000_000,
                means: 'mean power of the highest interval below which nothing is judged ○: a kettle in a sleeping home is no spike',
            },
        },
        source: 'California, 180 %',
    },
    'vee.sum-check': {
        says: "The measured intervals between two consecutive measured reads of a register do not add up to its advance: they differ by more than one interval's worth and by more than a percentage of the advance.",
        scope: 'register',
        severities: NO_ESTIMATE,
        default: 'mark',
        parameters: {
            percent: {
                unit: '%',
                default: '0.5',
                min: 0,
                max: 100,
                means: 'of the advance ○',
            },
        },
        source: 'California, Oracle, Norway; 0.5 % ○',
    },
    'vee.too-old': {
        says: 'The interval began so long before the receipt of its reading. Off for feeds that are marked with `backfill`.',
        scope: 'interval',
        severities: OWN_DAY,
        default: 'mark',
        parameters: {
            days: {
                unit: 'days',
                default: '1096',
                min: 1,
                max: 36_500,
                isWhole: true,
                means: 'from the start of the interval to its receipt; three years have at most 1096',
            },
        },
        source: 'Energinet E17, 3 years',
    },
    'vee.zero': {
        says: 'All measured values of the market day of a consumption channel are zero, for so many hours of it or for the whole of a shorter day.',
        scope: 'day',
        severities: OWN_DAY,
        default: 'mark',
        parameters: {
            hours: { unit: 'h', default: '24', min: 1, max: 24, means: 'covered by zeros' },
        },
        source: 'Oracle, Itron: a day or more',
    },
} as const satisfies Readonly<Record<string, ValidationRule>>;

export type ValidationRuleId = keyof typeof VALIDATION_RULES;

export const VALIDATION_RULE_IDS = Object.keys(VALIDATION_RULES) as ValidationRuleId[];

/** A check of the trade that is settled by contract when a reading arrives, or reported elsewhere, and the rules that settle it. */
export interface SettledCheck {
    readonly check: string;
    readonly rules: readonly (FileRule | RowRule | WaitingReason)[];
    readonly source: string;
}

export const SETTLED_ON_ARRIVAL: readonly SettledCheck[] = [
    {
        check: 'stamp off the grid, overlap, another length',
        rules: ['row.stamp-off-grid', 'row.stamp-crosses-midnight', 'row.interval-length', 'row.minutes'],
        source: 'Energinet E87, Oracle',
    },
    { check: 'same key twice in a payload', rules: ['row.repeated'], source: 'Energinet E87, Oracle' },
    {
        check: 'unit does not fit the channel',
        rules: ['row.unit', 'file.unit-unknown'],
        source: 'Energinet E73',
    },
    {
        check: 'not registered, not active',
        rules: ['waiting.meter-unknown', 'waiting.outside-validity'],
        source: 'Energinet D16, D50',
    },
    {
        check: 'negative quantity without an export channel',
        rules: ['row.value-negative'],
        source: 'Energinet E86, Oracle',
    },
    {
        check: 'too many digits or decimals',
        rules: ['row.value-too-large', 'row.value-decimals'],
        source: 'Energinet E89; limits by contract',
    },
    { check: 'in the future of its receipt', rules: ['row.stamp-future'], source: '○' },
];

/** One rule as configuration has it: parameters in whole thousandths of their unit; null: none. */
export interface RuleSetting {
    readonly severity: SeveritySetting;
    readonly parameters: Readonly<Record<string, number | null>>;
}

export type RuleSettings = Readonly<Record<ValidationRuleId, RuleSetting>>;

/** What a home validates, with every default filled in. */
export interface ValidationPolicy {
    /** Attribute of metering points that names their class. */
    readonly classAttribute: string;
    /** Attribute of metering points that says their rated power in kW. */
    readonly ratedPowerAttribute: string;
    /** Attribute of a metering point that checks another one, and names it. */
    readonly checkAttribute: string;
    /** For metering points without a class, or of one that configuration does not name. */
    readonly rules: RuleSettings;
    readonly classes: Readonly<Record<string, RuleSettings>>;
}

/** Thousandths of a number with at most three decimals; undefined where the text is none. */
export function thousandthsOf(text: string): number | undefined {
    const found = /^(\d{1,9})(?:\.(\d{1,3}))?$/.exec(text);
    return found ? Number(found[1]) * 1000 + Number((found[2] ?? '').padEnd(3, '0')) : undefined;
}

/** The settings of a home whose configuration says nothing. */
export const DEFAULT_RULES = Object.fromEntries(
    Object.entries(VALIDATION_RULES as Readonly<Record<string, ValidationRule>>).map(([id, rule]) => [
        id,
        {
            severity: rule.default,
            parameters: Object.fromEntries(
                Object.entries(rule.parameters).map(([name, p]) => [
                    name,
                    p.default === null ? null : (thousandthsOf(p.default) ?? null),
                ]),
            ),
        },
    ]),
) as RuleSettings;

export const DEFAULT_VALIDATION: ValidationPolicy = {
    classAttribute: 'validation_class',
    ratedPowerAttribute: 'rated_kw',
    checkAttribute: 'check_of',
    rules: DEFAULT_RULES,
    classes: {},
};
