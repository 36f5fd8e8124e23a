import type { FeedContract } from './feed-contract.ts';
import { ROW_RULES, type RowRule } from './ingest-rules.ts';

type Setting = (contract: FeedContract) => readonly [name: string, value: string | number] | undefined;

// a longer list says less than the contract itself
const CODES_MAX = 12;

/** By the rule that a row breaks, the contract's setting that decides, by the name that it has there; of other rules the sentence says all. */
const SETTINGS: Readonly<Partial<Record<RowRule, Setting>>> = {
    'row.fields': ({ layout }) => (layout.quoting === 'none' ? ['quoting', 'none'] : undefined),
    'row.quote': ({ layout }) => ['quoting', layout.quoting],
    'row.stamp-format': ({ reading }) => ['stampFormat', reading.stamp.format],
    'row.stamp-off-grid': (contract) => lengthOf(contract),
    'row.stamp-future': ({ reading }) => ['maxFutureMinutes', reading.stamp.maxFutureMinutes],
    'row.stamp-repeated-hour': ({ reading }) => ['repeatedHour', reading.stamp.repeatedHour],
    'row.interval-length': (contract) => lengthOf(contract),
    'row.value-format': ({ reading }) => ['decimalMark', reading.value.decimalMark],
    'row.value-decimals': ({ reading }) => ['maxDecimals', reading.value.maxDecimals],
    'row.value-too-large': ({ reading }) => ['maxKwh', reading.value.maxKwh],
    'row.quality': ({ reading }) => codesOf(Object.keys(reading.qualityCodes)),
    'row.version': ({ precedence }) => ['versionStamp', precedence.stampKind],
    'row.repeated': ({ reading }) => ['repeatedInPayload', reading.repeatedInPayload],
};

/** What rules say, whose ids are separated by blanks, each with the setting of the contract that decides, where there is one. */
export function messageOf(ruleIds: string, contract?: FeedContract): string {
    const texts: Readonly<Record<string, string>> = ROW_RULES;
    return ruleIds
        .split(' ')
        .map((rule) => {
            const text = texts[rule] ?? rule;
            const setting = contract && settingOf(rule, contract);
            return setting === undefined ? text : text.replace(/\.$/, () => ` (${setting}).`);
        })
        .join(' ');
}

/** Such as `stampFormat: %d/%m/%Y %H:%M`; undefined: nothing in the contract decides. */
function settingOf(rule: string, contract: FeedContract): string | undefined {
    const setting = SETTINGS[rule as RowRule]?.(contract);
    return setting && `${setting[0]}: ${setting[1]}`;
}

/** A row that says its own length goes by that. */
function lengthOf({ columns, reading }: FeedContract): ReturnType<Setting> {
    const isOwn = columns.some(({ role }) => role === 'minutes');
    return isOwn ? undefined : ['intervalMinutes', reading.intervalMinutes];
}

function codesOf(codes: readonly string[]): ReturnType<Setting> {
    return codes.length > CODES_MAX
        ? undefined
        : ['qualityCodes', codes.map((code) => JSON.stringify(code)).join(', ')];
}
