import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import type { TariffStructure } from '../../src/contracts/tariff-structure.ts';
import { agreement, billsOf, channel, inputsOf, openTestLake, tariffVersion } from './billing-world.ts';

const DATA = process.env['GRIDTALLY_LCL'] ?? path.resolve(import.meta.dirname, '../../../shared/data/lcl');

const lake = openTestLake();
after(() => lake.end());

/** Both tariffs of the trial side by side, exact to the pound's eighth decimal. */
const EXACT = { mode: 'half-even', amountDigits: 8, scope: 'line' } as const;
const TRIAL: TariffStructure = {
    currency: 'GBP',
    charges: [
        {
            id: 'flat',
            label: 'Flat',
            group: 'energy',
            kind: 'energy-flat',
            pricePerKwh: '0.14228',
            rounding: EXACT,
        },
        {
            id: 'dtou',
            label: 'Dynamic',
            group: 'energy',
            kind: 'energy-series',
            seriesId: 'DTOU',
            pricePerKwhByBand: { High: '0.6720', Normal: '0.1176', Low: '0.0399' },
            rounding: EXACT,
        },
    ],
    taxes: [],
};

test('sixty real homes cost in 2013 what an independent script found', {
    skip: existsSync(DATA) ? false : 'the data of Low Carbon London is not on this machine',
}, async () => {
    const homes = readdirSync(path.join(DATA, 'readings'))
        .map((name) => name.slice(0, 9))
        .sort();
    const file = await readingsFile(homes);
    const values = table('dtou_bands_2013.csv').map((row) => ({
        periodFrom: Date.parse(row['timestamp'] ?? ''),
        band: row['band'] ?? '',
        price: null,
    }));
    const bills = await billsOf(
        lake,
        inputsOf({
            from: '2013-01-01',
            to: '2014-01-01',
            zoneName: 'UTC',
            channels: homes.map((home, i) => channel(i + 1, { meteringPointId: home })),
            dimensions: {
                agreements: homes.map((home, i) =>
                    agreement(i + 1, { accountId: home, meteringPointId: home }),
                ),
                tariffVersions: [tariffVersion(1, TRIAL)],
                calendarVersions: [],
                holidays: [],
                priceSeries: [{ seriesId: 'DTOU', kind: 'band', intervalMinutes: 30, values }],
            },
            readsIntervalFiles: [file],
        }),
    );
    const expected = table('reference_totals.csv');
    assert.equal(bills.length, expected.length);
    for (const row of expected) {
        const bill = bills.find((b) => b.accountId === row['LCLid']);
        const lines = bill?.sections[0]?.lines ?? [];
        const kwhOf = (band: string) => atMost3(lines.find((line) => line.band === band)?.quantity ?? '0');
        const costOf = (charge: string) =>
            rounded4(lines.filter((line) => line.charge === charge).map((line) => line.amountExact));
        assert.deepEqual(
            {
                missing: bill?.sections[0]?.missingCount,
                total: atMost3(bill?.energyKwh ?? ''),
                high: kwhOf('High'),
                normal: kwhOf('Normal'),
                low: kwhOf('Low'),
                dtou: costOf('dtou'),
                flat: costOf('flat'),
            },
            {
                missing: Number(row['missing']),
                total: Number(row['kwh_total']),
                high: Number(row['kwh_high']),
                normal: Number(row['kwh_normal']),
                low: Number(row['kwh_low']),
                dtou: Number(row['cost_dtou_gbp']),
                flat: Number(row['cost_flat_gbp']),
            },
            row['LCLid'],
        );
    }
});

/** The homes' files as one `reads_interval` file, read by DuckDB without the product's parsers. */
async function readingsFile(homes: readonly string[]): Promise<string> {
    const session = await lake.engine.openSession();
    try {
        await session.registerRows(
            'homes',
            [
                { name: 'home', type: 'string' },
                { name: 'channel_no', type: 'integer' },
            ],
            homes.map((home, i) => [home, i + 1]),
        );
        const file = path.join(lake.folder, 'lcl.parquet');
        await session.writeFile(
            `select cast(tstp as date) as market_day, channel_no, cast(tstp || '+00' as timestamptz) as period_from,
                    cast(30 as smallint) as interval_minutes, cast(trim(kwh) as decimal(18,7)) as exact_kwh,
                    cast(round_even(cast(trim(kwh) as decimal(18,7)), 6) as decimal(18,6)) as kwh, 'measured' as quality
               from read_csv('${DATA}/readings/*.csv.gz', header = true, all_varchar = true, names = ['home', 'tstp', 'kwh'])
               join homes using (home)
              where try_cast(trim(kwh) as decimal(18,7)) is not null
              order by channel_no, period_from`,
            file,
        );
        return file;
    } finally {
        await session.close();
    }
}

function table(name: string): Record<string, string>[] {
    const [header = '', ...lines] = readFileSync(path.join(DATA, name), 'utf8').trim().split(/\r?\n/);
    const names = header.split(',');
    return lines.map((line) =>
        Object.fromEntries(line.split(',').map((value, i) => [names[i] ?? '', value])),
    );
}

/** Exact decimal text to three decimals, half-even as the reference was printed. */
function atMost3(text: string): number {
    return nearest(text, 3);
}

function rounded4(amounts: readonly string[]): number {
    const total = amounts.reduce((sum, amount) => sum + units(amount, 12), 0n);
    return nearest(`${total / 10n ** 12n}.${(total % 10n ** 12n).toString().padStart(12, '0')}`, 4);
}

function nearest(text: string, digits: number): number {
    const n = units(text, 12);
    const unit = 10n ** BigInt(12 - digits);
    const floor = n / unit;
    const twice = (n % unit) * 2n;
    const up = twice > unit || (twice === unit && floor % 2n === 1n);
    return Number(floor + (up ? 1n : 0n)) / 10 ** digits;
}

function units(text: string, scale: number): bigint {
    const [whole = '', part = ''] = text.split('.');
    return BigInt(whole + part.padEnd(scale, '0'));
}
