import type { SampleTable } from './sample-table.ts';
import { type StampForm, stampForms } from './stamp-forms.ts';
import type { WideRange } from './wide-ranges.ts';

/** What the fields of one column are. */
export interface ColumnFacts {
    readonly name: string;
    readonly place: number;
    /** One for each row of the sample, '' where it is blank; numbers have a point. */
    readonly texts: readonly string[];
    readonly filled: readonly string[];
    /** How often each text stands there, blank ones aside; the commonest first. */
    readonly counts: ReadonlyMap<string, number>;
    /** Share of the filled ones that are numbers as the reader takes them, texts for "no value" aside. */
    readonly numberShare: number;
    readonly hasDecimals: boolean;
    /** Where its numbers have a decimal comma: one as it stands in the file, and whether each may as well have a comma that marks thousands. */
    readonly withComma: { readonly text: string; readonly mayBeThousands: boolean } | undefined;
    /** Share of the filled ones that would be numbers if a comma were a point. */
    readonly commaShare: number;
    readonly stamps: readonly { readonly form: StampForm; readonly share: number }[];
}

/** As the reader has it: no exponent, no sign but a minus, no digit missing before or after the point. */
const NUMBER = /^-?\d{1,15}(\.\d{1,18})?$/;
const NUMBER_WITH_COMMA = /^-?\d{1,15},\d{1,18}$/;
const WITH_THOUSANDS = /^-?[1-9]\d{0,2},\d{3}$/;
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
    const isOfRange = (place: number) => wide !== undefined && place >= wide.from && place <= wide.to;
    const ofRange = markOf(
        table,
        table.rows.flatMap((row) => row.filter((_, place) => isOfRange(place))),
    );
    return table.columns.map((name, place) => {
        const fields = table.rows.map((row) => row[place] ?? '');
        const isCell = isOfRange(place);
        // the columns of a range have one mark
        const withComma = isCell ? ofRange : markOf(table, fields);
        const texts = withComma === undefined ? fields : fields.map(withPoint);
        const filled = texts.filter((text) => text !== '');
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
            withComma,
            hasDecimals: values.some((text) => isNumber(text) && text.includes('.')),
            commaShare: share((text) => WITH_COMMA.test(text)),
            stamps: isCell ? [] : stampForms(filled),
        };
    });
}

/** Of fields whose numbers have a comma for a decimal mark, and none of them a point. */
function markOf({ format }: SampleTable, fields: readonly string[]): ColumnFacts['withComma'] {
    // a text that is no number, such as `n.a.`, says nothing of the mark
    if (format.value === 'ndjson' || fields.some((text) => text.includes('.') && isNumber(text)))
        return undefined;
    const found = fields.filter((text) => NUMBER_WITH_COMMA.test(text));
    const [text] = found;
    return text === undefined
        ? undefined
        : { text, mayBeThousands: found.every((each) => WITH_THOUSANDS.test(each)) };
}

const withPoint = (text: string) => (NUMBER_WITH_COMMA.test(text) ? text.replace(',', '.') : text);

/** The best form of the column's stamps with a time, or with a date alone. */
export function stampFormOf(column: ColumnFacts, hasTime: boolean): StampForm | undefined {
    return column.stamps.find(({ form }) => form.hasTime === hasTime)?.form;
}
