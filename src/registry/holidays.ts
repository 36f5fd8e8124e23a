import type { KindLoader } from './master-data-kind.ts';
import { refuseRepeats } from './row-reader.ts';
import { readRows } from './source-rows.ts';

/** Holidays by set, such as `england`. One row per set and day. */
export const holidaysLoader: KindLoader = {
    read(source, settings, faults) {
        const { holidaySet } = settings;
        const always = ['date', 'name'];
        const columns =
            holidaySet === undefined
                ? {
                      required: ['holiday_set', ...always],
                      optional: [],
                      hints: { holiday_set: 'or name the set with --holiday-set' },
                  }
                : { required: always, optional: ['holiday_set'] };
        const rows = readRows(source, settings, faults, 'holidays', columns, (row) => ({
            line: row.line,
            holidaySet: row.id('holiday_set', holidaySet),
            date: row.requiredDate('date'),
            name: row.requiredText('name'),
        }));
        const keyOf = (row: (typeof rows)[number]) => `holiday ${row.date} of ${row.holidaySet}`;
        const distinct = refuseRepeats(rows, { file: source.file, field: 'date' }, keyOf, faults);
        return {
            columns: ['holiday_set text', 'holiday_date date', 'name text'],
            rows: distinct.map((row) => [row.line, row.holidaySet, row.date, row.name]),
        };
    },
    async resolve({ tx }) {
        await tx.query(
            'create temp table desired on commit drop as select line, holiday_set, holiday_date, name from incoming',
        );
    },
    believed: {
        table: 'holidays',
        columns: ['holiday_set', 'holiday_date', 'name'],
        keyOf: (alias) => `${alias}.holiday_set, ${alias}.holiday_date`,
    },
};
