import type { EnergyUnit, FeedKind, ReadingRules } from '../contracts/feed-contract.ts';

/** Exact conversion of a number's text to kWh with six decimals, as SQL over trimmed text columns, in two steps. */
export interface ValueSql {
    readonly isNumber: string;
    /** Columns for the first step, `decimal_places` and `fraction`, which the others read. */
    readonly fraction: string;
    /** kWh, rounded half-even where the text is finer; null where it does not fit decimal(18,6). */
    readonly kwh: string;
    /** True where rounding changed the value. */
    readonly isRounded: string;
}

/** Twelve decimals of any unit are taken; a contract that allows more is refused when it is read. */
export const MAX_DECIMALS = 12;

/** kWh of one unit as a fraction; kW is power over the interval, so minutes / 60. */
const FACTORS: Readonly<Record<EnergyUnit, { times: string; per: string }>> = {
    kWh: { times: '1', per: '1' },
    Wh: { times: '1', per: '1000' },
    MWh: { times: '1000', per: '1' },
    kW: { times: 'minutes', per: '60' },
};

const UNITS = Object.keys(FACTORS) as EnergyUnit[];

/** A register counts energy: power has no index. */
export function unitsOf(kind: FeedKind): EnergyUnit[] {
    return kind === 'interval' ? UNITS : UNITS.filter((unit) => unit !== 'kW');
}

/**
 * Two steps, because the engine keeps room for every term of a query: what is said several times is worked out once, and only for
 * values that are not plain kWh of six decimals, which nearly all are.
 *
 * @param value text column
 * @param unit SQL text of the unit, or a constant one
 */
export function valueSql(value: string, unit: string | EnergyUnit, rules: ReadingRules): ValueSql {
    const isConstant = (UNITS as string[]).includes(unit);
    const pick = (part: 'times' | 'per') =>
        isConstant
            ? FACTORS[unit as EnergyUnit][part]
            : `case ${unit} ${UNITS.map((u) => `when '${u}' then ${FACTORS[u][part]}`).join(' ')} end`;
    const places = `(case when contains(${value}, '.') then len(${value}) - instr(${value}, '.') else 0 end)`;
    const isKwh = isConstant ? String(unit === 'kWh') : `${unit} = 'kWh'`;
    const fits = `${places} <= ${Math.min(rules.value.maxDecimals, MAX_DECIMALS)}`;
    // numerator and denominator of the value in millionths of a kWh, in whole numbers
    const whole = `try_cast(concat(split_part(${value}, '.', 1), rpad(split_part(${value}, '.', 2), ${MAX_DECIMALS}, '0')) as hugeint)`;
    const over = `abs(${whole}) * cast(${pick('times')} as hugeint)`;
    const under = `cast(${pick('per')} as hugeint) * 1000000`;
    // of a text of more digits the products would not fit, and one row would stop the statement and all that came with it
    const isNumber = `regexp_full_match(${value}, '-?\\d{1,15}(\\.\\d{1,18})?')`;
    const quotient = '(fraction.over // fraction.under)';
    const remainder = '(fraction.over % fraction.under)';
    const up = `(case when ${remainder} * 2 > fraction.under or (${remainder} * 2 = fraction.under and ${quotient} % 2 = 1) then 1 else 0 end)`;
    const sign = `(case when starts_with(${value}, '-') then -1 else 1 end)`;
    const exact = `try_cast(try_cast(${sign} * (${quotient} + ${up}) as decimal(24, 0)) * cast(0.000001 as decimal(7, 6)) as decimal(18, 6))`;
    return {
        isNumber,
        fraction: `${places} as decimal_places,
    case when not coalesce(${isKwh} and ${places} <= 6, false) and ${fits} and ${isNumber} then {'over': ${over}, 'under': ${under}} end as fraction`,
        kwh: `case when fraction is not null then ${exact} when ${isKwh} and decimal_places <= 6 then try_cast(${value} as decimal(18, 6)) end`,
        isRounded: `coalesce(${remainder} <> 0, false)`,
    };
}
