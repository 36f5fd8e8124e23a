import type { LoadWork } from './master-data-kind.ts';
import { shown } from './row-reader.ts';

/** The charges of the tariff versions in `incoming`, each with its line. */
const CHARGES = `charges as (
             select i.charge_lines[c.place] as line, c.charge,
                 daterange(i.valid_from, i.valid_to) as valid_during
             from incoming i
                 cross join jsonb_array_elements(i.structure -> 'charges') with ordinality c (charge, place)
         )`;

/**
 * Charges of tariffs in `incoming` that name a calendar or series which nobody loaded, or give no price for a band that it names
 * while the version holds.
 */
export async function refuseUnpricedCharges(work: LoadWork): Promise<void> {
    await refuseUnknownCalendars(work);
    await refuseUnknownSeries(work);
    await refuseUnpricedBands(work);
}

/** Bands that a calendar in `incoming` names for a time at which a believed tariff uses it and has no price for them. */
export async function refuseUnpricedCalendarBands(work: LoadWork): Promise<void> {
    const rows = await work.tx.query<{ line: number; band: string; tariffId: string }>(
        `select distinct i.line, r ->> 'band' as band, t.tariff_id as "tariffId"
         from incoming i cross join jsonb_array_elements(i.definition -> 'rules') r
             join tariff_versions v on v.known_to is null
                 and v.valid_during && daterange(i.valid_from, i.valid_to)
             join tariffs t using (tariff_no)
             cross join jsonb_array_elements(v.structure -> 'charges') c
         where c ->> 'calendarId' = i.calendar_id and not (c -> 'pricePerKwhByBand' ? (r ->> 'band'))
         order by 1, 2, 3`,
    );
    refuseBands(work, rows, 'rules');
}

/** Bands that a series in `incoming` (column `band`) names and a believed tariff that uses it has no price for. */
export async function refuseUnpricedSeriesBands(work: LoadWork): Promise<void> {
    const rows = await work.tx.query<{ line: number; band: string; tariffId: string }>(
        `with bands as (
             select series_id, band, min(line) as line from incoming where band is not null group by 1, 2
         )
         select distinct b.line, b.band, t.tariff_id as "tariffId"
         from bands b join tariff_versions v on v.known_to is null join tariffs t using (tariff_no)
             cross join jsonb_array_elements(v.structure -> 'charges') c
         where c ->> 'seriesId' = b.series_id and not (c -> 'pricePerKwhByBand' ? b.band)
         order by 1, 2, 3`,
    );
    refuseBands(work, rows, 'band');
}

function refuseBands(
    { file, faults }: LoadWork,
    rows: readonly { line: number; band: string; tariffId: string }[],
    field: string,
): void {
    for (const { line, band, tariffId } of rows) {
        const message = `tariff ${tariffId} has no price for the band ${shown(band)}; give it one first`;
        faults.push({ file, line, field, message });
    }
}

async function refuseUnknownCalendars({ tx, file, faults }: LoadWork): Promise<void> {
    const rows = await tx.query<{ line: number; id: string }>(
        `with ${CHARGES}
         select line, charge ->> 'calendarId' as id from charges
         where charge ->> 'calendarId' is not null
             and not exists (select from calendars k where k.calendar_id = charge ->> 'calendarId')
         order by line`,
    );
    for (const { line, id } of rows) {
        const message = `there is no calendar ${shown(id)}; load it with \`gridtally load calendars\` first`;
        faults.push({ file, line, field: 'calendar_id', message });
    }
}

async function refuseUnknownSeries({ tx, file, faults }: LoadWork): Promise<void> {
    const rows = await tx.query<{ line: number; id: string; kind: 'band' | 'price' | null }>(
        `with ${CHARGES}
         select line, charge ->> 'seriesId' as id, s.kind
         from charges left join price_series s on s.series_id = charge ->> 'seriesId'
         where charge ->> 'seriesId' is not null
             and coalesce(s.kind <> case when charge ? 'pricePerKwhByBand' then 'band' else 'price' end, true)
         order by line`,
    );
    for (const { line, id, kind } of rows) {
        const message = {
            none: `there is no price series ${shown(id)}; load it with \`gridtally load price-series\` first`,
            band: `price series ${id} gives bands: say price_per_kwh_by_band`,
            price: `price series ${id} gives prices: leave price_per_kwh_by_band out`,
        }[kind ?? 'none'];
        faults.push({ file, line, field: 'series_id', message });
    }
}

async function refuseUnpricedBands({ tx, file, faults }: LoadWork): Promise<void> {
    const rows = await tx.query<{ line: number; band: string; source: string }>(
        `with ${CHARGES},
         named as (
             select h.line, h.charge, r ->> 'band' as band, 'calendar ' || k.calendar_id as source
             from charges h join calendars k on k.calendar_id = h.charge ->> 'calendarId'
                 join calendar_versions v on v.calendar_no = k.calendar_no and v.known_to is null
                     and v.valid_during && h.valid_during
                 cross join jsonb_array_elements(v.definition -> 'rules') r
             union
             select h.line, h.charge, b.band, 'price series ' || s.series_id
             from charges h join price_series s on s.series_id = h.charge ->> 'seriesId'
                 cross join lateral (
                     select distinct band from price_series_values p
                     where p.series_no = s.series_no and p.known_to is null and p.band is not null
                 ) b
         )
         select line, band, source from named
         where charge ? 'pricePerKwhByBand' and not (charge -> 'pricePerKwhByBand' ? band)
         order by line, band`,
    );
    for (const { line, band, source } of rows) {
        const message = `has no price for the band ${shown(band)} of ${source}`;
        faults.push({ file, line, field: 'price_per_kwh_by_band', message });
    }
}
