import type { CalendarDate } from '../kernel/calendar-date.ts';
import { type BandOfMinute, bandBoundaries, bandsOfDay } from './calendar-bands.ts';
import { SLOT_MS } from './period-grid.ts';
import type { RatingCalendarVersion, RatingDimensions } from './rating-dimensions.ts';

/** Bands of calendars and values of price series by day and instant. */
export interface PriceBook {
    /** Undefined: the calendar has no version on the day, or no rule that holds. */
    bandAt(calendarId: string, day: CalendarDate, minuteOfDay: number): string | undefined;
    /** The value whose interval contains the instant; undefined where the series has none. */
    seriesValueAt(seriesId: string, at: number): SeriesValue | undefined;
    /** Local minutes of the day at which any version of the calendar may change its band; undefined: no such calendar. */
    boundariesOf(calendarId: string): readonly number[] | undefined;
    seriesOf(
        seriesId: string,
    ): { readonly kind: 'band' | 'price'; readonly intervalMinutes: number } | undefined;
}

export interface SeriesValue {
    readonly band: string | null;
    readonly price: string | null;
}

export function openPriceBook(dimensions: RatingDimensions): PriceBook {
    const versionsById = Map.groupBy(dimensions.calendarVersions, (version) => version.calendarId);
    const holidays = new Set(dimensions.holidays.map(({ holidaySet, date }) => `${holidaySet} ${date}`));
    const seriesById = new Map(dimensions.priceSeries.map((series) => [series.seriesId, series]));
    const valuesById = new Map(
        dimensions.priceSeries.map((series) => [
            series.seriesId,
            new Map(series.values.map((v) => [v.periodFrom, v])),
        ]),
    );
    const days = new Map<string, BandOfMinute | undefined>();
    const bandsOn = (calendarId: string, day: CalendarDate): BandOfMinute | undefined => {
        const key = `${day} ${calendarId}`;
        if (!days.has(key)) days.set(key, dayBands(versionsById.get(calendarId) ?? [], day, holidays));
        return days.get(key);
    };
    return {
        bandAt: (calendarId, day, minuteOfDay) => bandsOn(calendarId, day)?.(minuteOfDay) ?? undefined,
        seriesValueAt(seriesId, at) {
            const lengthMs = (seriesById.get(seriesId)?.intervalMinutes ?? 0) * 60_000;
            for (let from = at; from > at - lengthMs; from -= SLOT_MS) {
                const value = valuesById.get(seriesId)?.get(from);
                if (value) return value;
            }
            return undefined;
        },
        boundariesOf: (calendarId) =>
            versionsById.get(calendarId)?.flatMap((version) => bandBoundaries(version.definition)),
        seriesOf: (seriesId) => seriesById.get(seriesId),
    };
}

function dayBands(
    versions: readonly RatingCalendarVersion[],
    day: CalendarDate,
    holidays: ReadonlySet<string>,
): BandOfMinute | undefined {
    const version = versions.find(
        (v) => (v.validFrom === null || v.validFrom <= day) && (v.validTo === null || day < v.validTo),
    );
    if (!version) return undefined;
    const { holidaySet } = version.definition;
    const isHoliday = holidaySet !== undefined && holidays.has(`${holidaySet} ${day}`);
    return bandsOfDay(version.definition, isHoliday, day);
}
