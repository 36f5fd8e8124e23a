import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { ratePeriod } from '../../src/billing/rate-period.ts';
import type { BillingInputs, RatingAgreement } from '../../src/billing/rating-dimensions.ts';
import type { Charge, TariffStructure } from '../../src/contracts/tariff-structure.ts';
import { agreement, channel, openTestLake, tariffVersion, writeReadings } from './billing-world.ts';
import { BANDS, worldOf } from './random-world.ts';

const lake = openTestLake();
after(() => lake.end());

const BY_LINE = { mode: 'half-even', amountDigits: 3, scope: 'line' } as const;
const BY_INTERVAL = { mode: 'half-up', amountDigits: 3, scope: 'interval' } as const;
const NAMES = { id: 'x', label: 'X', group: 'g' };
const bandPrices = (price: string, bands: readonly string[] = BANDS) =>
    Object.fromEntries(bands.map((band) => [band, price]));
const tariff = (charge: Charge, currency = 'GBP'): TariffStructure => ({
    currency,
    charges: [charge],
    taxes: [],
});
const banded = (price: string, calendarId = 'CAL', bands: readonly string[] = BANDS): Charge => ({
    ...NAMES,
    kind: 'energy-bands',
    calendarId,
    pricePerKwhByBand: bandPrices(price, bands),
    rounding: BY_LINE,
});
const flatByInterval = (pricePerKwh: string, rounding: Charge['rounding'] = BY_INTERVAL): Charge => ({
    ...NAMES,
    kind: 'energy-flat',
    pricePerKwh,
    rounding,
});
const series = (seriesId: string, pricePerKwhByBand?: Record<string, string>): Charge => ({
    ...NAMES,
    kind: 'energy-series',
    seriesId,
    ...(pricePerKwhByBand === undefined ? {} : { pricePerKwhByBand }),
    rounding: BY_LINE,
});

/** A tariff number for each kind of fault: the version, and what is said of whoever has it. */
const FAULTS: Readonly<Record<number, readonly [TariffStructure, string]>> = {
    20: [tariff(banded('0.1'), 'EUR'), 'tariff T20 is in EUR, the home in GBP'],
    21: [
        tariff(banded('0.1', 'NONE')),
        'charge x of tariff T21 needs calendar NONE, which has no version in the period',
    ],
    22: [
        tariff(flatByInterval('0.1234567890123')),
        'charge x of tariff T22: price 0.1234567890123 has too many digits to be priced by interval',
    ],
    23: [tariff(series('NONE')), 'charge x of tariff T23 needs price series NONE, which is not loaded'],
    24: [
        tariff(series('BAND')),
        'charge x of tariff T24: series BAND gives a band, the charge expects the other kind',
    ],
    25: [
        tariff(flatByInterval('0.1', { ...BY_INTERVAL, quantityDigits: 1 })),
        'charge x of tariff T25 is priced interval by interval, so its quantity cannot be rounded before pricing',
    ],
    26: [
        tariff(banded('0.1', 'CAL', BANDS.slice(1))),
        'charge x of tariff T26 has no price for band holiday',
    ],
};
const SHORT_SERIES =
    'charge x of tariff T30: price series SHORT gives nothing for some intervals with energy from 2013-10-01 until 2013-11-01';

const onTariff = (no: number) => ({ tariffNo: no, tariffId: `T${no}` });
const HALF_HOUR = 1_800_000;
const FROM = Date.UTC(2013, 8, 30, 23);

/** A month of a world without faults, in which two accounts more have an own meter, and one a meter after an hourly one that was removed. */
async function cleanInputs(seed: number): Promise<BillingInputs> {
    const structures = ['0.1', '0.2', '0.3'].map(
        (price): TariffStructure => ({
            ...tariff(banded(price)),
            charges: [
                { ...banded(price), id: 'bands' },
                { ...series('BAND', bandPrices(price)), id: 'dynamic' },
                { ...series('PRICE'), id: 'spot', rounding: BY_INTERVAL },
            ],
        }),
    );
    const { inputs } = await worldOf(
        lake,
        structures as [TariffStructure, TariffStructure, TariffStructure],
        seed,
    );
    const rows = [31, 32, 33].flatMap((channelNo) =>
        Array.from({ length: 48 * 31 }, (_, i) => ({
            channelNo,
            from: FROM + i * HALF_HOUR,
            micro: 100_000n,
            isEstimated: false,
        })),
    );
    const { dimensions } = inputs;
    const values = Array.from({ length: 15 * 48 }, (_, i) => ({
        periodFrom: FROM + i * HALF_HOUR,
        band: null,
        price: '0.2',
    }));
    return {
        ...inputs,
        readsIntervalFiles: [
            ...inputs.readsIntervalFiles,
            await writeReadings(lake, 'Europe/London', rows, 30),
        ],
        channels: [
            ...inputs.channels,
            ...[31, 32, 33].map((no) => channel(no)),
            channel(330, { meteringPointId: 'MP33', intervalMinutes: 60, validToMs: FROM }),
        ],
        dimensions: {
            ...dimensions,
            agreements: [
                ...dimensions.agreements,
                // the series ends on the 15th, and this account before
                agreement(32, { ...onTariff(30), to: '2013-10-15' }),
                agreement(33),
            ],
            tariffVersions: [
                ...dimensions.tariffVersions,
                tariffVersion(30, tariff(series('SHORT')), { tariffNo: 30 }),
            ],
            priceSeries: [
                ...dimensions.priceSeries,
                { seriesId: 'SHORT', kind: 'price', intervalMinutes: 30, values },
            ],
        },
    };
}

/** The same with accounts that cannot be rated, each for another reason. */
function withFaults(clean: BillingInputs): BillingInputs {
    const numbers = Object.keys(FAULTS).map(Number);
    const agreements: RatingAgreement[] = [
        ...numbers.map((no) => agreement(no, onTariff(no))),
        agreement(27, onTariff(27)),
        // hourly on a tariff that is right for everybody else
        agreement(28),
        agreement(31, onTariff(30)),
        // one of two agreements of the account
        agreement(40),
        agreement(41, { ...onTariff(21), accountNo: 40, accountId: 'AC40', customerId: 'C40' }),
        // at the metering point of an account without a fault, after it
        agreement(42, { ...onTariff(20), meteringPointNo: 5, meteringPointId: 'MP5', from: '2013-10-31' }),
        // its first version is right
        agreement(43, onTariff(43)),
    ];
    const { dimensions } = clean;
    return {
        ...clean,
        channels: [...clean.channels, channel(28, { intervalMinutes: 60 })],
        dimensions: {
            ...dimensions,
            agreements: [...dimensions.agreements, ...agreements],
            tariffVersions: [
                ...dimensions.tariffVersions,
                ...numbers.map((no) =>
                    tariffVersion(no, FAULTS[no]?.[0] ?? tariff(banded('0')), { tariffNo: no }),
                ),
                tariffVersion(27, tariff(banded('0.1')), { tariffNo: 27, from: '2013-10-20' }),
                tariffVersion(43, tariff(banded('0.1')), { tariffNo: 43, to: '2013-10-30' }),
                tariffVersion(44, tariff(banded('0.1'), 'SEK'), { tariffNo: 43, from: '2013-10-30' }),
                // nobody has it
                tariffVersion(45, tariff(flatByInterval('12345678')), { tariffNo: 45 }),
            ],
        },
    };
}

test('every fault keeps the accounts that have it from being rated, and changes nothing for the others', async () => {
    for (const seed of [1, 2]) {
        const clean = await cleanInputs(seed);
        const expected = await ratePeriod(lake.engine, clean);
        assert.deepEqual(expected.unrated, []);
        const rated = await ratePeriod(lake.engine, withFaults(clean));
        assert.deepEqual([...rated.bills()], [...expected.bills()]);
        assert.deepEqual(rated.accountIds, expected.accountIds);
        const ofVersions = Object.entries(FAULTS).map(([no, [, fault]]) => [`AC${no}`, [fault]] as const);
        assert.deepEqual(
            rated.unrated.map(({ accountId, faults }) => [accountId, faults]),
            [
                ...ofVersions,
                ['AC27', ['tariff T27 has no version from 2013-10-01 until 2013-10-20']],
                [
                    'AC28',
                    [
                        'charge bands of tariff T1: calendar CAL changes its band within an interval of 60 minutes',
                        'charge dynamic of tariff T1: series BAND changes within an interval of 60 minutes',
                    ],
                ],
                ['AC31', [SHORT_SERIES]],
                ['AC40', [FAULTS[21]?.[1]]],
                ['AC42', [FAULTS[20]?.[1]]],
                ['AC43', ['tariff T43 is in SEK, the home in GBP']],
            ],
        );
    }
});
