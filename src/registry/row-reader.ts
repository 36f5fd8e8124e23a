import { type CalendarDate, tryCalendarDate } from '../kernel/calendar-date.ts';
import { assert, type InputFault } from '../kernel/errors.ts';
import { marketDayPeriod } from '../kernel/market-day.ts';
import type { Zone } from '../kernel/zone.ts';
import type { NamedIdentifier } from './master-data-kind.ts';
import type { SourceRow, SourceTable } from './source-table.ts';

const CONTROL_CHARACTER = /\p{Cc}/u;
const INSTANT =
    /^(\d{4}-\d\d-\d\d)T([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,3})?)?(Z|[+-](0\d|1[0-4]):[0-5]\d)$/;
const LONGEST_ID = 100;
/** Years for which zone rules are known (`kernel/zone.ts`). */
const FIRST_DATE = '1970-01-01';
const LAST_DATE = '2100-12-31';

/** Columns that a kind of master data has; a table with any other column is refused. */
export interface ColumnRules {
    readonly required: readonly string[];
    readonly optional: readonly string[];
    /** Where one that is required is absent: what may stand for it, or what else helps. */
    readonly hints?: Readonly<Record<string, string>>;
}

/** Finds columns that are unknown, doubled or absent; true where the rows can be read. */
export function checkColumns(table: SourceTable, rules: ColumnRules, faults: InputFault[]): boolean {
    const { file, columns } = table;
    const before = faults.length;
    const known = [...rules.required, ...rules.optional];
    columns.forEach((column, index) => {
        const at = { file, line: 1, field: column === '' ? `column ${index + 1}` : column };
        if (columns.indexOf(column) !== index)
            faults.push({ ...at, message: 'the header has this column twice' });
        else if (!known.includes(column)) {
            faults.push({ ...at, message: `unknown column; known are ${known.join(', ')}` });
        }
    });
    const only = columns.length === 1 ? columns[0] : undefined;
    if (only !== undefined && /[;\t|]/.test(only) && faults.length > before) {
        const message = 'the columns of a file of master data stand between commas';
        faults.splice(before, Infinity, { file, line: 1, field: only, message });
        return false;
    }
    // A YAML file without rows has no columns, and says nothing wrong.
    if (columns.length === 0) return false;
    for (const column of rules.required) {
        if (!columns.includes(column)) {
            const isYaml = table.rows.some((row) => row.lineOfField !== undefined);
            const hint = rules.hints?.[column];
            const message = `${isYaml ? 'no entry has this key' : 'the header lacks this column'}${hint === undefined ? '' : `; ${hint}`}`;
            faults.push({ file, line: 1, field: column, message });
        }
    }
    return faults.length === before;
}

/** Reads the fields of one row after another and collects what is wrong with them. */
export class RowReader {
    readonly #table: SourceTable;
    readonly #zone: Zone;
    readonly #faults: InputFault[];
    readonly #places: ReadonlyMap<string, number>;
    readonly #instants = new Map<string, number | undefined>();
    #row: SourceRow | undefined;
    /** Columns of the row with an identifier that is right in itself. */
    #idColumns: string[] = [];

    constructor(table: SourceTable, zone: Zone, faults: InputFault[]) {
        this.#table = table;
        this.#zone = zone;
        this.#faults = faults;
        this.#places = new Map(table.columns.map((column, place) => [column, place]));
    }

    /** Rows in order, as `read` makes them; those with a fault are left out, and what they name goes to `leftOut`. */
    readAll<Row>(read: (row: RowReader) => Row, leftOut: NamedIdentifier[]): Row[] {
        const rows: Row[] = [];
        for (const row of this.#table.rows) {
            this.#row = row;
            this.#idColumns = [];
            const faultsBefore = this.#faults.length;
            const made = read(this);
            if (this.#faults.length === faultsBefore) rows.push(made);
            else leftOut.push(...this.#identifiers());
        }
        return rows;
    }

    get line(): number {
        assert(this.#row, 'a row is being read');
        return this.#row.line;
    }

    hasColumn(column: string): boolean {
        return this.#places.has(column);
    }

    /** The field as it stands; `null` where it is blank or the table has no such column. */
    text(column: string): string | null {
        assert(this.#row, 'a row is being read');
        const place = this.#places.get(column);
        const text = place === undefined ? '' : (this.#row.fields[place] ?? '');
        return text === '' ? null : text;
    }

    requiredText(column: string): string {
        const text = this.text(column);
        if (text === null) this.refuse(column, 'is blank');
        return text ?? '';
    }

    /** An identifier of the outside world: not blank, one line, at most 100 characters. */
    id(column: string, whenBlank?: string): string {
        const text = this.text(column) ?? whenBlank ?? this.requiredText(column);
        const faultsBefore = this.#faults.length;
        if (CONTROL_CHARACTER.test(text)) this.refuse(column, 'has a character that cannot be printed');
        if (text.length > LONGEST_ID) this.refuse(column, `is longer than ${LONGEST_ID} characters`);
        if (this.#faults.length === faultsBefore) this.#idColumns.push(column);
        return text;
    }

    oneOf<Choice extends string>(column: string, choices: readonly Choice[], whenBlank: Choice): Choice {
        const text = this.text(column);
        const choice = text === null ? whenBlank : choices.find((one) => one === text);
        if (choice === undefined) this.refuse(column, `is ${shown(text)}, not one of ${choices.join(', ')}`);
        return choice ?? whenBlank;
    }

    date(column: string): CalendarDate | null {
        const text = this.text(column);
        if (text === null) return null;
        const date = tryCalendarDate(text);
        if (date === undefined)
            this.refuse(column, `${shown(text)} is not a date that exists, as YYYY-MM-DD`);
        else if (date < FIRST_DATE || date > LAST_DATE) {
            this.refuse(column, `${text} is not between ${FIRST_DATE} and ${LAST_DATE}`);
        } else return date;
        return null;
    }

    requiredDate(column: string): CalendarDate {
        if (this.text(column) === null) this.refuse(column, 'is blank');
        return this.date(column) ?? (FIRST_DATE as CalendarDate);
    }

    /** UTC epoch milliseconds of an instant with zone, or of the first instant of a local day. */
    instant(column: string): number | null {
        const text = this.text(column);
        if (text === null) return null;
        if (!this.#instants.has(text)) this.#instants.set(text, this.#readInstant(text));
        const at = this.#instants.get(text);
        if (at === undefined) {
            this.refuse(
                column,
                `${shown(text)} is neither a date nor an instant such as 2013-05-01T00:00:00Z`,
            );
        }
        return at ?? null;
    }

    /** Refuses an end that does not come after its beginning. */
    requireOrder<T extends number | string>(from: T | null, to: T | null, column: string): void {
        if (from !== null && to !== null && to <= from) this.refuse(column, 'is not after the beginning');
    }

    refuse(column: string, message: string): void {
        this.#faults.push({ file: this.#table.file, line: this.#lineOf(column), field: column, message });
    }

    #identifiers(): NamedIdentifier[] {
        return this.#idColumns.flatMap((column) => {
            const value = this.text(column);
            return value === null ? [] : [{ line: this.#lineOf(column), column, value }];
        });
    }

    #lineOf(column: string): number {
        assert(this.#row, 'a row is being read');
        return this.#row.lineOfField?.(column) ?? this.#row.line;
    }

    #readInstant(text: string): number | undefined {
        const day = tryCalendarDate(INSTANT.exec(text)?.[1] ?? text);
        if (day === undefined || day < FIRST_DATE || day > LAST_DATE) return undefined;
        return day === text ? marketDayPeriod(this.#zone, day).from : Date.parse(text);
    }
}

/** Each row whose key an earlier row has already is a fault and left out. */
export function refuseRepeats<Row extends { readonly line: number }>(
    rows: readonly Row[],
    at: { readonly file: string; readonly field: string },
    keyOf: (row: Row) => string,
    faults: InputFault[],
): Row[] {
    const firstLines = new Map<string, number>();
    return rows.filter((row) => {
        const key = keyOf(row);
        const firstLine = firstLines.get(key);
        if (firstLine === undefined) firstLines.set(key, row.line);
        else faults.push({ ...at, line: row.line, message: `${key} stands in line ${firstLine} already` });
        return firstLine === undefined;
    });
}

export function shown(text: string | null): string {
    return JSON.stringify((text ?? '').slice(0, 60));
}
