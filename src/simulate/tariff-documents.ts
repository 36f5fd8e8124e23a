import { addDays, type CalendarDate, daysBetween } from '../kernel/calendar-date.ts';
import { TARIFFS } from './homes.ts';

export const HOLIDAY_SET = 'town';
const CALENDAR_ID = 'evening-bands';

/**
 * The document of `tariffs.yaml`: a flat and a time-of-use tariff, both dearer from the middle of the time on. Prices are currency
 * units per kWh and per day, exact texts.
 */
export function tariffDocument(currency: string, from: CalendarDate, to: CalendarDate): unknown {
    const changesOn = addDays(from, Math.max(1, Math.floor(daysBetween(from, to) / 2)));
    const versions = (before: EnergyCharge, after: EnergyCharge) => [
        version(currency, from, before),
        version(currency, changesOn, after),
    ];
    return {
        tariffs: [
            { tariff_id: TARIFFS.flat, name: 'Flat 2', versions: versions(flat('0.2413'), flat('0.2536')) },
            {
                tariff_id: TARIFFS.timeOfUse,
                name: 'Evening saver',
                versions: versions(bands('0.1215', '0.2290', '0.3945'), bands('0.1275', '0.2405', '0.4120')),
            },
        ],
    };
}

type EnergyCharge = Readonly<Record<string, unknown>>;

function flat(price: string): EnergyCharge {
    return { kind: 'energy-flat', price_per_kwh: price };
}

function bands(night: string, day: string, peak: string): EnergyCharge {
    return { kind: 'energy-bands', calendar_id: CALENDAR_ID, price_per_kwh_by_band: { night, day, peak } };
}

function version(currency: string, validFrom: CalendarDate, energy: EnergyCharge): unknown {
    return {
        valid_from: validFrom,
        currency,
        rounding: { mode: 'half-up', amount_digits: 2, scope: 'line' },
        charges: [
            { id: 'standing', label: 'Standing charge', kind: 'subscription', price_per_day: '0.4172' },
            { id: 'energy', label: 'Energy', ...energy },
        ],
        taxes: [{ id: 'vat', label: 'VAT', percent: '5' }],
    };
}

/** The document of `calendars.yaml`: night, peak on working days' evenings, and day. */
export function calendarDocument(from: CalendarDate): unknown {
    const rules = [
        { band: 'night', local_times: [{ from: '23:00', to: '07:00' }] },
        { band: 'day', holiday: true },
        { band: 'peak', weekdays: [1, 2, 3, 4, 5], local_times: [{ from: '16:00', to: '20:00' }] },
        { band: 'day' },
    ];
    const versions = [{ valid_from: from, holiday_set: HOLIDAY_SET, rules }];
    return { calendars: [{ calendar_id: CALENDAR_ID, versions }] };
}
