import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { monthPeriod } from '../../src/kernel/calendar-date.ts';
import { sweep } from '../../src/lake/sweep.ts';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { draftPeriod } from '../../src/pipeline/draft-period.ts';
import { readStatus } from '../../src/pipeline/status.ts';
import { type ChainWorld, openChainWorld, readingsCsv } from './chain-world.ts';

const HOUR = 3_600_000;
const FROM = Date.parse('2013-05-01T00:00:00Z');
const FLIPS = 5;
let world: ChainWorld;

before(async () => {
    world = await openChainWorld({ marketZone: 'UTC' });
    await world.load('customers', 'c.csv', 'customer_id,name\nC1,Ada\n');
    await world.load('accounts', 'a.csv', 'account_id,customer_id\nA1,C1\nA2,C1\n');
    await world.load(
        'metering-points',
        'p.csv',
        'metering_point_id,meter_id,interval_minutes,valid_from\nP1,A,60,2013-05-01\nP2,B,60,2013-05-01\n',
    );
    await world.load('tariffs', 't.yaml', tariff('0.10'));
    const agreements = 'agreement_id,account_id,metering_point_id,tariff_id,move_in';
    await world.load(
        'agreements',
        'g.csv',
        `${agreements}\nG1,A1,P1,flat,2013-05-01\nG2,A2,P2,flat,2013-05-01\n`,
    );
    await flip(0);
});

after(() => world.end());

function tariff(price: string): string {
    return `tariffs:
  - tariff_id: flat
    name: Flat
    versions:
      - valid_from: 2013-01-01
        rounding: { mode: half-up, amount_digits: 2, scope: line }
        charges:
          - { id: energy, kind: energy-flat, price_per_kwh: ${price} }
`;
}

/** Replaces every value of two days of both meters, and with that the bills. */
async function flip(n: number): Promise<void> {
    const rows = ['A', 'B'].flatMap((meter) =>
        Array.from({ length: 48 }, (_, i) => ({
            meter,
            at: FROM + i * HOUR,
            minutes: 60,
            kwh: `${n + 1}.25`,
            version: n,
        })),
    );
    await world.ingest('generic-csv', { [`${n}.csv`]: readingsCsv(rows) });
    await refreshAll(world.workspace);
    await draftPeriod(world.workspace, monthPeriod('2013-05'));
}

test('every query sees one moment while what is published is replaced, and what was replaced is swept', async () => {
    let isFlipping = true;
    const flipping = (async () => {
        for (let n = 1; n <= FLIPS; n += 1) await flip(n);
        isFlipping = false;
    })();
    const sweeping = (async () => {
        while (isFlipping) {
            await sweep(world.workspace.lake, { retiredBefore: Date.now() + HOUR });
            await sleep(100);
        }
    })();
    const seen = new Set<string>();
    const look = async () => {
        while (isFlipping) {
            const [sums] = await world.query(SUMS);
            assert.ok(sums);
            const { intervals, hourly, daily, least, most, due, lines } = sums;
            assert.deepEqual([hourly, daily, most, lines], [intervals, intervals, least, due]);
            seen.add(String(intervals));
        }
    };
    await Promise.all([flipping, sweeping, look(), look()]);
    assert.ok(seen.size > FLIPS / 3, `${seen.size} different moments were seen`);
});

test('the counts of a home are of one moment', async () => {
    let isFlipping = true;
    const flipping = (async () => {
        for (let n = FLIPS + 1; n <= FLIPS + 2; n += 1) await flip(n);
        isFlipping = false;
    })();
    const seen = new Set<number>();
    const look = async () => {
        while (isFlipping) {
            const status = await readStatus(world.workspace.lake);
            assert.equal(status.rowsReceived, status.versions + status.rowsQuarantined + status.rowsWaiting);
            seen.add(status.rowsReceived);
        }
    };
    await Promise.all([flipping, look()]);
    assert.ok(seen.size >= 2, `${seen.size} different moments were seen`);
});

const SUMS = `
    select (select sum(kwh) from reads_interval) as intervals, (select sum(kwh) from reads_hourly) as hourly,
        (select sum(kwh) from reads_daily) as daily, (select min(kwh) from reads_15min) as least,
        (select max(kwh) from reads_15min) as most, (select sum(total_due) from bills) as due,
        (select sum(amount) from bill_lines) as lines`;
