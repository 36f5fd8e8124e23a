import assert from 'node:assert/strict';
import path from 'node:path';
import { monthPeriod } from '../../src/kernel/calendar-date.ts';
import { ingest, load, refreshAll } from '../../src/pipeline/chain.ts';
import { draftPeriod } from '../../src/pipeline/draft-period.ts';
import { type ChainWorld, openChainWorld } from './chain-world.ts';
import { LCL_FOLDER, lclHomes, lclPayloads, lclTable } from './lcl-files.ts';

/** Both tariffs of the trial side by side, as exact amounts without tax. */
const TARIFF = `tariffs:
  - tariff_id: trial
    name: Both tariffs of the trial
    versions:
      - valid_from: 2013-01-01
        rounding: { mode: half-even, amount_digits: 8, scope: line }
        charges:
          - { id: flat, label: Flat, kind: energy-flat, price_per_kwh: 0.14228 }
          - id: dtou
            label: Dynamic
            kind: energy-series
            series_id: DTOU
            price_per_kwh_by_band: { High: 0.6720, Normal: 0.1176, Low: 0.0399 }
        taxes: []
`;

const MONTHS = Array.from({ length: 12 }, (_, i) => `2013-${String(i + 1).padStart(2, '0')}`);

/**
 * Sixty real homes from files to bills, and every figure compared with what an independent script found.
 * @param engine address of a server for the bulk of the work, as `gridtally.yaml` would have it
 */
export async function checkLclCase(engine?: string): Promise<void> {
    const world = await openChainWorld({
        marketZone: 'UTC',
        threads: 'all',
        ...(engine === undefined ? {} : { engine }),
    });
    try {
        const homes = lclHomes();
        const { received, parsed } = await ingest(world.workspace, 'lcl', lclPayloads(homes));
        assert.deepEqual(
            [received.payloads, parsed.refused, parsed.quarantined, parsed.waiting],
            [60, 0, 0, 0],
        );
        await refreshAll(world.workspace);
        await loadContracts(world, homes);
        let drafted = 0;
        for (const month of MONTHS)
            drafted += (await draftPeriod(world.workspace, monthPeriod(month))).drafted;
        assert.equal(drafted, 12 * homes.length);
        assert.deepEqual(await figures(world), reference());
    } finally {
        await world.end();
    }
}

async function loadContracts(world: ChainWorld, homes: readonly string[]): Promise<void> {
    const csv = (header: string, line: (home: string) => string) =>
        `${header}\n${homes.map(line).join('\n')}\n`;
    await world.load(
        'customers',
        'customers.csv',
        csv('customer_id', (home) => `C-${home}`),
    );
    await world.load(
        'accounts',
        'accounts.csv',
        csv('account_id,customer_id', (home) => `A-${home},C-${home}`),
    );
    await load(world.workspace, {
        kind: 'price-series',
        file: path.join(LCL_FOLDER, 'dtou_bands_2013.csv'),
        seriesId: 'DTOU',
    });
    await world.load('tariffs', 'tariffs.yaml', TARIFF);
    await world.load(
        'agreements',
        'agreements.csv',
        csv(
            'agreement_id,account_id,metering_point_id,tariff_id,move_in',
            (home) => `G-${home},A-${home},${home},trial,2013-01-01`,
        ),
    );
}

interface Figures {
    readonly [column: string]: string | number;
}

async function figures(world: ChainWorld): Promise<Record<string, Figures>> {
    const readings = await world.query(`
        select meter_id, count(*) filter (where quality_flag = 'good') as readings, count(*) filter (where quality_flag = 'missing') as missing,
            strftime(timezone('UTC', min(read_at) filter (where kwh is not null)), '%Y-%m-%d %H:%M:%S') as first,
            strftime(timezone('UTC', max(read_at) filter (where kwh is not null)), '%Y-%m-%d %H:%M:%S') as last,
            cast(sum(kwh) as varchar) as total, cast(max(kwh) as varchar) as max_hh
        from reads_15min group by meter_id`);
    const months = await world.query(`
        select meter_id, cast(sum(kwh) filter (where month(day) = 1) as varchar) as jan, cast(sum(kwh) filter (where month(day) = 7) as varchar) as jul
        from reads_daily group by meter_id`);
    const lines = await world.workspace.lake.db.query<{
        home: string;
        charge: string;
        band: string | null;
        kwh: string;
        cost: string;
    }>(
        `select m.metering_point_id as home, l.charge, l.band, sum(l.quantity)::text as kwh, sum(l.amount_exact)::text as cost
           from bill_lines l join metering_points m using (metering_point_no) group by 1, 2, 3`,
    );
    const monthsOf = new Map(months.map((row) => [row.meter_id, row]));
    return Object.fromEntries(
        readings.map((row) => {
            const own = lines.filter((line) => line.home === row.meter_id);
            const band = (name: string) =>
                nearest(
                    own.filter((l) => l.band === name).map((l) => l.kwh),
                    3,
                );
            const cost = (charge: string) =>
                nearest(
                    own.filter((l) => l.charge === charge).map((l) => l.cost),
                    4,
                );
            const month = monthsOf.get(row.meter_id ?? '');
            return [
                String(row.meter_id),
                {
                    readings: Number(row.readings),
                    missing: Number(row.missing),
                    first: String(row.first),
                    last: String(row.last),
                    kwh_total: nearest([String(row.total)], 3),
                    kwh_high: band('High'),
                    kwh_normal: band('Normal'),
                    kwh_low: band('Low'),
                    cost_dtou_gbp: cost('dtou'),
                    cost_flat_gbp: cost('flat'),
                    kwh_jan: nearest([String(month?.jan ?? '0')], 3),
                    kwh_jul: nearest([String(month?.jul ?? '0')], 3),
                    max_hh: nearest([String(row.max_hh)], 6),
                },
            ];
        }),
    );
}

/** `reference_totals.csv` in the same form; a first or last stamp without a time of day is midnight. */
function reference(): Record<string, Figures> {
    const withTime = (text = '') => (text.length === 10 ? `${text} 00:00:00` : text);
    return Object.fromEntries(
        lclTable('reference_totals.csv').map(({ LCLid = '', stdorToU: _s, acorn_grouped: _a, ...row }) => {
            const numbers = Object.fromEntries(
                Object.entries(row).map(([name, text]) => [
                    name,
                    name === 'max_hh' ? nearest([text], 6) : Number(text),
                ]),
            );
            return [LCLid, { ...numbers, first: withTime(row.first), last: withTime(row.last) }];
        }),
    );
}

/** The sum of exact decimal texts, rounded once, halves to the even as the reference was printed. */
function nearest(texts: readonly string[], digits: number): number {
    const units = texts.reduce((sum, text) => {
        const [whole = '', part = ''] = text.split('.');
        return sum + BigInt(whole + part.padEnd(24, '0'));
    }, 0n);
    const unit = 10n ** BigInt(24 - digits);
    const floor = units / unit;
    const twice = (units % unit) * 2n;
    const isUp = twice > unit || (twice === unit && floor % 2n === 1n);
    return Number(floor + (isUp ? 1n : 0n)) / 10 ** digits;
}
