import { calendarSchema } from './calendar-schema.ts';
import { readItems } from './document-schema.ts';
import { type History, historyTable, makeDesiredHistory } from './history.ts';
import type { KindLoader, LoadWork } from './master-data-kind.ts';
import { findVersionOverlaps } from './overlap-sentences.ts';
import { refuseUnpricedCalendarBands } from './priced-bands.ts';
import { enterIdentifiers } from './references.ts';
import { refuseRepeats, shown } from './row-reader.ts';

const HISTORY: History = { table: 'calendar_versions', subject: ['calendar_no'], says: ['definition'] };

/** Calendars with their versions, from YAML only. One row per calendar and beginning of a version. */
export const calendarsLoader: KindLoader = {
    read(source, _settings, faults) {
        const { items, lineOf } = readItems(source, 'calendars', calendarSchema, faults);
        const rows = items.flatMap(({ calendar_id, versions }, item) =>
            versions.map((version, index) => ({
                line: lineOf([item, 'versions', index]),
                calendarId: calendar_id,
                ...version,
            })),
        );
        const keyOf = (row: (typeof rows)[number]) =>
            `calendar ${row.calendarId} from ${row.validFrom ?? 'always'}`;
        return {
            columns: ['calendar_id text', 'valid_from date', 'valid_to date', 'definition jsonb'],
            rows: refuseRepeats(rows, { file: source.file, field: 'valid_from' }, keyOf, faults).map(
                (row) => [
                    row.line,
                    row.calendarId,
                    row.validFrom,
                    row.validTo,
                    JSON.stringify(row.definition),
                ],
            ),
        };
    },
    async resolve(work) {
        await refuseUnknownHolidaySets(work);
        await refuseUnpricedCalendarBands(work);
        await enterIdentifiers(work, 'calendars', 'calendar_id');
        await work.tx.query(
            `create temp table versions on commit drop as
             select i.line, c.calendar_no, i.definition, i.valid_from, i.valid_to
             from incoming i join calendars c using (calendar_id)`,
        );
        await makeDesiredHistory(work, HISTORY);
    },
    believed: historyTable(HISTORY),
    findOverlaps: (work) => findVersionOverlaps(work, 'calendar'),
};

/** A set without a holiday would bill every holiday as any other day. */
async function refuseUnknownHolidaySets({ tx, file, faults }: LoadWork): Promise<void> {
    const rows = await tx.query<{ line: number; holidaySet: string }>(
        `select line, definition ->> 'holidaySet' as "holidaySet" from incoming i
         where definition ->> 'holidaySet' is not null and not exists (
             select from holidays h where h.holiday_set = i.definition ->> 'holidaySet' and h.known_to is null)
         order by line`,
    );
    for (const { line, holidaySet } of rows) {
        const message = `there is no holiday of the set ${shown(holidaySet)}; load it with \`gridtally load holidays\` first`;
        faults.push({ file, line, field: 'holiday_set', message });
    }
}
