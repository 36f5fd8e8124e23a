import type { InputFault } from '../kernel/errors.ts';
import { marketDayOf, marketDayPeriod } from '../kernel/market-day.ts';
import { instantText } from '../kernel/period.ts';
import { shortPrice } from './document-schema.ts';
import type { KindLoader, LoadSettings, LoadWork } from './master-data-kind.ts';
import { refuseUnpricedSeriesBands } from './priced-bands.ts';
import { type ColumnRules, type RowReader, refuseRepeats, shown } from './row-reader.ts';
import { readRows } from './source-rows.ts';

const INTERVAL_MINUTES = [5, 10, 15, 30, 60];
const MINUTE_MS = 60_000;

interface SeriesRow {
    readonly line: number;
    readonly seriesId: string;
    readonly periodFrom: number;
    readonly band: string | null;
    readonly price: string | null;
    readonly minutes: number | null;
}

/** Bands or prices by interval. One row per series and interval. */
export const priceSeriesLoader: KindLoader = {
    read(source, settings, faults) {
        const columns = (found: readonly string[]) => columnsOf(found, settings);
        const rows = readRows(source, settings, faults, 'price-series', columns, (row) =>
            readRow(row, settings),
        );
        const keyOf = (row: SeriesRow) => `${row.seriesId} at ${instantText(row.periodFrom)}`;
        const distinct = refuseRepeats(rows, { file: source.file, field: 'period_from' }, keyOf, faults);
        const minutesOf = intervalLengths(distinct);
        for (const row of distinct)
            checkGrid(row, minutesOf.get(row.seriesId), settings, source.file, faults);
        return {
            columns: [
                'series_id text',
                'period_from timestamptz',
                'band text',
                'price numeric(18, 8)',
                'interval_minutes smallint',
                'kind text',
            ],
            rows: distinct.map((row) => [
                row.line,
                row.seriesId,
                instantText(row.periodFrom),
                row.band,
                row.price,
                minutesOf.get(row.seriesId) ?? null,
                row.band === null ? 'price' : 'band',
            ]),
        };
    },
    async resolve(work) {
        await refuseOtherSeries(work);
        await refuseUnpricedSeriesBands(work);
        await work.tx.query(
            `insert into price_series (series_id, kind, interval_minutes)
             select series_id, min(kind), coalesce(min(interval_minutes), 30) from incoming i
             where not exists (select from price_series s where s.series_id = i.series_id)
             group by series_id order by series_id collate "C"`,
        );
        await work.tx.query(
            `create temp table desired on commit drop as
             select i.line, s.series_no, i.period_from, i.band, i.price
             from incoming i join price_series s using (series_id)`,
        );
    },
    believed: {
        table: 'price_series_values',
        columns: ['series_no', 'period_from', 'band', 'price'],
        keyOf: (alias) => `${alias}.series_no, ${alias}.period_from`,
    },
};

/** `timestamp` is another name of `period_from`; a file has either `band` or `price`. */
function columnsOf(found: readonly string[], settings: LoadSettings): ColumnRules {
    const period = found.includes('timestamp') ? 'timestamp' : 'period_from';
    const value = found.includes('price') ? 'price' : 'band';
    const hints = {
        series_id: 'or name the series with --series',
        period_from: 'or a column timestamp',
        band: 'or a column price',
    };
    return settings.seriesId === undefined
        ? { required: ['series_id', period, value], optional: ['interval_minutes'], hints }
        : { required: [period, value], optional: ['series_id', 'interval_minutes'], hints };
}

function readRow(row: RowReader, settings: LoadSettings): SeriesRow {
    const column = row.text('timestamp') === null ? 'period_from' : 'timestamp';
    row.requiredText(column);
    const band = row.text('band');
    const price = row.text('price');
    if (band === null && price === null) row.refuse(row.hasColumn('price') ? 'price' : 'band', 'is blank');
    const exact = price === null ? null : shortPrice(price);
    if (exact === undefined) row.refuse('price', `${shown(price)} is not a number with at most 8 decimals`);
    const minutes = row.text('interval_minutes');
    return {
        line: row.line,
        seriesId: row.id('series_id', settings.seriesId),
        periodFrom: row.instant(column) ?? 0,
        band,
        price: exact ?? null,
        minutes: minutes === null ? (settings.intervalMinutes ?? null) : Number(minutes),
    };
}

/** As the file or the command says it, else the shortest step between intervals of the series; none for a single one. */
function intervalLengths(rows: readonly SeriesRow[]): Map<string, number> {
    const instants = new Map<string, number[]>();
    const lengths = new Map<string, number>();
    for (const { seriesId, periodFrom, minutes } of rows) {
        if (minutes !== null) lengths.set(seriesId, lengths.get(seriesId) ?? minutes);
        const known = instants.get(seriesId);
        if (known === undefined) instants.set(seriesId, [periodFrom]);
        else known.push(periodFrom);
    }
    for (const [seriesId, list] of instants) {
        if (lengths.has(seriesId) || list.length < 2) continue;
        const ordered = list.sort((a, b) => a - b);
        const steps = ordered.slice(1).map((instant, index) => instant - (ordered[index] ?? 0));
        lengths.set(seriesId, steps.reduce((least, step) => Math.min(least, step)) / MINUTE_MS);
    }
    return lengths;
}

/** Intervals are counted from the first instant of the market day. */
function checkGrid(
    row: SeriesRow,
    minutes: number | undefined,
    { zone }: LoadSettings,
    file: string,
    faults: InputFault[],
): void {
    const refuse = (field: string, message: string) => faults.push({ file, line: row.line, field, message });
    if (minutes === undefined) return;
    if (row.minutes !== null && row.minutes !== minutes) {
        refuse('interval_minutes', `differs within ${row.seriesId}, which has ${minutes}`);
    }
    if (!INTERVAL_MINUTES.includes(minutes)) {
        refuse('interval_minutes', `${minutes} is not one of ${INTERVAL_MINUTES.join(', ')}`);
        return;
    }
    const dayFrom = marketDayPeriod(zone, marketDayOf(zone, row.periodFrom)).from;
    if ((row.periodFrom - dayFrom) % (minutes * MINUTE_MS) !== 0) {
        refuse(
            'period_from',
            `${instantText(row.periodFrom)} is not the beginning of a ${minutes}-minute interval`,
        );
    }
}

/** What a series gives, and for how long, never changes: its values would mean something else. */
async function refuseOtherSeries({ tx, file, faults }: LoadWork): Promise<void> {
    const rows = await tx.query<{ line: number; seriesId: string; kind: string; minutes: number }>(
        `select min(i.line) as line, s.series_id as "seriesId", s.kind, s.interval_minutes as minutes
         from incoming i join price_series s using (series_id)
         where i.kind <> s.kind or i.interval_minutes <> s.interval_minutes
         group by s.series_id, s.kind, s.interval_minutes order by 1`,
    );
    for (const { line, seriesId, kind, minutes } of rows) {
        const message = `${seriesId} is a series of one ${kind} for each ${minutes} minutes; load another series id`;
        faults.push({ file, line, field: 'series_id', message });
    }
}
