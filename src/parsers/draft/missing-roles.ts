import type { ColumnRole } from '../../contracts/feed-contract.ts';
import type { GridtallyError, InputFault } from '../../kernel/errors.ts';
import type { ColumnFacts } from './column-facts.ts';
import { shown, shownList, unclearSample } from './draft-guess.ts';
import type { SampleTable } from './sample-table.ts';
import { unreadableTime } from './stamp-forms.ts';
import { unreadableRange, type WideRange } from './wide-ranges.ts';

/** What was looked for in vain, which columns there are, and why those that come close are none. */
export function refuseMissingRoles(
    table: SampleTable,
    facts: readonly ColumnFacts[],
    found: Partial<Record<ColumnRole, ColumnFacts>>,
    wide: WideRange | undefined,
): GridtallyError {
    const faults: InputFault[] = [];
    const add = (field: string, message: string) => faults.push({ file: table.file, field, message });
    if (!found.stamp) {
        const kind = wide
            ? 'a date of four-digit year, month and day, as a row of a day has it'
            : 'date and time in one column: ISO 8601, or digits of fixed width such as 01/05/2013 00:30';
        add('stamp', `no column is a stamp; looked for was ${kind}`);
        for (const column of facts) {
            const why = closeToStamp(column);
            if (why)
                add(
                    column.name,
                    `${shown(column.filled[0] ?? '')} is no stamp that a contract can describe: ${why}`,
                );
        }
    }
    if (!found.value && !wide) {
        add(
            'value',
            'no column is a value; looked for were numbers such as 0.219 in a column named like value, kWh, energy, consumption or reading, or a column for each interval of the day',
        );
        for (const column of facts.filter(({ commaShare }) => commaShare > 0.5)) {
            add(
                column.name,
                `${shown(column.filled.find((text) => text.includes(',')) ?? '')} cannot be read: ${table.format.value === 'ndjson' ? 'the numbers of JSON have a decimal point' : 'numbers have one decimal mark, a point or a comma in all of the column, and no mark of thousands'}`,
            );
        }
    }
    const range = wide ? undefined : unreadableRange(table.columns);
    if (range) add('periods', range);
    if (!found.meter) {
        add(
            'meter',
            'no column is a meter; looked for were identifiers in a column named like meter, meter_id, NMI, MPAN, EAN, serial or id; where only the name of the file tells the meter, each row needs it in a column',
        );
    }
    const numbers = facts.filter(({ numberShare }) => numberShare > 0.8);
    if (!found.meter && found.stamp && !wide && numbers.length > 1) {
        const list = shownList(
            numbers.map(({ name }) => name),
            3,
        );
        add('meter', `if each of ${list} is a meter, the file must be turned into one reading a line`);
    }
    const roles = (['meter', 'stamp', 'value'] as const).filter(
        (role) => !found[role] && !(role === 'value' && wide),
    );
    const message = `${table.file} has the columns ${shownList(table.columns, 20)}; in it no column is recognised as ${roles.join(', nor as ')}.`;
    return unclearSample(message, faults);
}

function closeToStamp(column: ColumnFacts): string | undefined {
    const { filled } = column;
    const seen = filled.slice(0, 100).map(unreadableTime);
    const why = seen.find((found) => found !== undefined);
    return why !== undefined && seen.filter((found) => found !== undefined).length * 2 > seen.length
        ? why
        : undefined;
}

/** A file without a header, whose first row would be taken for names. */
export function looksHeadless(table: SampleTable, wide: WideRange | undefined): boolean {
    if (table.format.value === 'ndjson' || wide) return false;
    const isValue = (name: string) =>
        /^(-?\d+[.,]\d+|\d{5,})$/.test(name) || /^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T].*)?$/.test(name);
    return table.columns.filter(isValue).length * 3 >= table.columns.length;
}
