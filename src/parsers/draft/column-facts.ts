import type { SampleTable } from './sample-table.ts';
import { type StampForm, stampForms } from './stamp-forms.ts';
import type { WideRange } from './wide-ranges.ts';

/** What the fields of one column are. */
export interface ColumnFacts {
    readonly name: string;
    readonly place: number;
    /** One for each row of the sample, '' where it is blank. */
    readonly texts: readonly string[];
    readonly filled: readonly string[];
    /** How often each text stands there, blank ones aside; the commonest first. */
    readonly counts: ReadonlyMap<string, number>;
    /** Share of the filled ones that are numbers as the reader takes them, texts for "no value" aside. */
    readonly numberShare: number;
    readonly hasDecimals: boolean;
    /** Share of the filled ones that would be numbers if a comma were a point. */
    readonly commaShare: number;
    readonly stamps: readonly { readonly form: StampForm; readonly share: number }[];
}

/** As the reader has it: no exponent, no sign but a minus, no digit missing before or after the point. */
const NUMBER = /^-?\d{1,15}(\.\d{1,18})?$/;
const WITH_COMMA = /^-?\d{1,3}(\.?\d{3})*,\d+$|^-?\d+,\d+$/;

/** Texts that say in many systems that there is no value; compared in lower case. */
const NO_VALUE = new Set(
    'null nan n/a na #n/a none nil missing - -- --- . ? * x err error invalid no_data nodata'.split(' '),
);

export function isNumber(text: string): boolean {
    return NUMBER.test(text);
}

export function saysNoValue(text: string): boolean {
    return NO_VALUE.has(text.toLowerCase());
}

/** How often each of the values occurs, in the order in which they first do. */
export function countsOf<T>(values: Iterable<T>): Map<T, number> {
    const counts = new Map<T, number>();
    for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
    return counts;
}

export function commonestFirst<T>(counts: ReadonlyMap<T, number>): [T, number][] {
    return [...counts].sort((a, b) => b[1] - a[1]);
}

/** Of the columns of a wide range only the values are looked at. */
export function columnFacts(table: SampleTable, wide: WideRange | undefined): ColumnFacts[] {
    return table.columns.map((name, place) => {
        const texts = table.rows.map((row) => row[place] ?? '');
        const filled = texts.filter((text) => text !== '');
        const isCell = wide !== undefined && place >= wide.from && place <= wide.to;
        const values = filled.filter((text) => !saysNoValue(text));
        const share = (is: (text: string) => boolean) =>
            values.length === 0 ? 0 : values.filter(is).length / values.length;
        return {
            name,
            place,
            texts,
            filled,
            counts: new Map(commonestFirst(countsOf(isCell ? [] : filled))),
            numberShare: share(isNumber),
            hasDecimals: values.some((text) => isNumber(text) && text.includes('.')),
            commaShare: share((text) => WITH_COMMA.test(text)),
            stamps: isCell ? [] : stampForms(filled),
        };
    });
}

/** The best form of the column's stamps with a time, or with a date alone. */
export function stampFormOf(column: ColumnFacts, hasTime: boolean): StampForm | undefined {
    return column.stamps.find(({ form }) => form.hasTime === hasTime)?.form;
}
