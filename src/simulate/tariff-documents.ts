import type { CalendarDefinition, Rounding, TariffStructure, Tax } from '../contracts/tariff-structure.ts';
import { addDays, type CalendarDate, daysBetween } from '../kernel/calendar-date.ts';
import { TARIFFS } from './homes.ts';

export const HOLIDAY_SET = 'town';
const CALENDAR_ID = 'evening-bands';

const PENNIES: Rounding = { mode: 'half-up', amountDigits: 2, scope: 'line' };
const VAT: Tax = {
    id: 'vat',
    label: 'VAT',
    group: 'energy',
    percent: '5',
    rounding: { mode: 'half-up', amountDigits: 2 },
};

/** The document of `tariffs.yaml`: a flat and a time-of-use tariff, both dearer from the middle of the time on. */
export function tariffDocument(currency: string, from: CalendarDate, to: CalendarDate): unknown {
    const changesOn = addDays(from, Math.max(1, Math.floor(daysBetween(from, to) / 2)));
    const versions = (structures: readonly [TariffStructure, TariffStructure]) => [
        { validFrom: from, ...structures[0] },
        { validFrom: changesOn, ...structures[1] },
    ];
    const flat = (pricePerKwh: string) => structureOf(currency, { kind: 'energy-flat', pricePerKwh });
    const bands = (night: string, day: string, peak: string) =>
        structureOf(currency, {
            kind: 'energy-bands',
            calendarId: CALENDAR_ID,
            pricePerKwhByBand: { night, day, peak },
        });
    return snakeCased({
        tariffs: [
            { tariffId: TARIFFS.flat, name: 'Flat 2', versions: versions([flat('0.2413'), flat('0.2536')]) },
            {
                tariffId: TARIFFS.timeOfUse,
                name: 'Evening saver',
                versions: versions([
                    bands('0.1215', '0.2290', '0.3945'),
                    bands('0.1275', '0.2405', '0.4120'),
                ]),
            },
        ],
    });
}

type EnergyPrice =
    | { readonly kind: 'energy-flat'; readonly pricePerKwh: string }
    | {
          readonly kind: 'energy-bands';
          readonly calendarId: string;
          readonly pricePerKwhByBand: Readonly<Record<string, string>>;
      };

function structureOf(currency: string, price: EnergyPrice): TariffStructure {
    const common = { group: 'energy', rounding: PENNIES };
    return {
        currency,
        charges: [
            {
                ...common,
                id: 'standing',
                label: 'Standing charge',
                kind: 'subscription',
                pricePerDay: '0.4172',
            },
            { ...common, id: 'energy', label: 'Energy', ...price },
        ],
        taxes: [VAT],
    };
}

/** The document of `calendars.yaml`: night, peak on working days' evenings, and day. */
export function calendarDocument(from: CalendarDate): unknown {
    const definition: CalendarDefinition = {
        holidaySet: HOLIDAY_SET,
        rules: [
            { band: 'night', localTimes: [{ from: '23:00', to: '07:00' }] },
            { band: 'day', holiday: true },
            { band: 'peak', weekdays: [1, 2, 3, 4, 5], localTimes: [{ from: '16:00', to: '20:00' }] },
            { band: 'day' },
        ],
    };
    return snakeCased({
        calendars: [{ calendarId: CALENDAR_ID, versions: [{ validFrom: from, ...definition }] }],
    });
}

/** The keys of a document as master data files write them; names of bands are lower case already. */
function snakeCased(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(snakeCased);
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value);
    return Object.fromEntries(
        entries.map(([key, inner]) => [
            key.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`),
            snakeCased(inner),
        ]),
    );
}
