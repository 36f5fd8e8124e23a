/**
 * Keeps homes as this version of the program makes them: `node run.cjs test/upgrade/keep-home.ts`. Run it before a migration is added,
 * never after: what is kept for a version of the schema is what homes of that version really hold. Then run it with `estimated` after
 * the migration: that one is kept of the present version, too.
 */
import { cpSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { makeFolderDurably, writeFileDurably } from '../../src/kernel/durable.ts';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { draftPeriod } from '../../src/pipeline/draft-period.ts';
import { MIGRATIONS } from '../../src/store/migrations.ts';
import {
    type ChainWorld,
    handClock,
    openChainWorld,
    readingsCsv,
    variedContract,
} from '../chain/chain-world.ts';
import { fillEstimated } from './estimated-home.ts';
import { dumpTables, homeContent, KEPT_HOMES, type KeptName } from './kept-home.ts';

const HOUR = 3_600_000;
const FROM = Date.parse('2013-05-01T00:00:00+01:00');
const clock = handClock('2013-06-01T00:00:00Z');

const MASTER_DATA = {
    customers:
        'customer_id,name,email,address,joined_on\nC1,Ada Ash,ada@example.org,"1 Mill Lane, Town",2012-12-01\nC2,Ben Birch,,,\n',
    accounts: 'account_id,customer_id\nA1,C1\nA2,C2\n',
    'metering-points':
        'metering_point_id,meter_id,interval_minutes,valid_from,valid_to\n' +
        'P1,M1,60,2013-05-01,2013-05-01T11:00:00Z\nP1,M2,60,2013-05-01T11:00:00Z,\nP2,M3,60,2013-05-01,\n',
    attributes: 'metering_point_id,region,valid_from\nP1,North,2013-01-01\nP2,South,2013-01-01\n',
    holidays: 'holiday_set,date,name\nengland,2013-05-06,Early May\n',
} as const;
const CALENDARS = `calendars:
  - calendar_id: evenings
    versions:
      - holiday_set: england
        rules:
          - { band: high, holiday: false, local_times: [{ from: '16:00', to: '19:00' }] }
          - { band: low }
`;
const TARIFFS = `tariffs:
  - tariff_id: evening
    name: Evening
    versions:
      - valid_from: 2013-01-01
        rounding: { mode: half-even, amount_digits: 2, scope: line }
        charges:
          - { id: standing, kind: subscription, price_per_day: 0.20 }
          - { id: energy, kind: energy-bands, calendar_id: evenings, price_per_kwh_by_band: { high: 0.30, low: 0.10 } }
        taxes: [{ id: vat, label: VAT, percent: 5 }]
`;
const AGREEMENTS =
    'agreement_id,account_id,metering_point_id,tariff_id,move_in,move_out\nG1,A1,P1,evening,2013-05-01,\nG2,A2,P2,evening,2013-05-01,\n';

async function fill(world: ChainWorld): Promise<void> {
    world.contract('waits', variedContract('generic-csv', 'waits', { unknownMeter: 'wait' }));
    for (const [kind, text] of Object.entries(MASTER_DATA)) {
        await world.load(kind as keyof typeof MASTER_DATA, `${kind}.csv`, text);
    }
    await world.load('calendars', 'calendars.yaml', CALENDARS);
    await world.load('tariffs', 'tariffs.yaml', TARIFFS);
    await world.load('agreements', 'agreements.csv', AGREEMENTS);
    const day = (meter: string, from: number, to: number, version?: number) =>
        Array.from({ length: to - from }, (_, i) => ({
            meter,
            at: FROM + (from + i) * HOUR,
            minutes: 60,
            kwh: `${version ?? 0}.${from + i}`,
            ...(version === undefined ? {} : { version }),
        }));
    clock.at += HOUR;
    await world.ingest('waits', {
        'may.csv': readingsCsv([
            ...day('M1', 0, 12),
            ...day('M2', 12, 30),
            ...day('M3', 0, 20),
            ...day('M9', 0, 3),
        ]),
    });
    clock.at += HOUR;
    await world.ingest('waits', {
        'corrections.csv': readingsCsv([
            ...day('M3', 5, 8, 2),
            { meter: 'M3', at: FROM, minutes: 60, kwh: 'none' },
        ]),
    });
    await refreshAll(world.workspace);
    await draftPeriod(world.workspace, { from: '2013-05-01' as never, to: '2013-06-01' as never });
}

const version = readdirSync(MIGRATIONS).filter((name) => /^\d{4}_/.test(name)).length;
const isEstimated = process.argv.includes('estimated');
const name: KeptName = `version-${version}${isEstimated ? '-estimated' : ''}`;
const target = path.join(KEPT_HOMES, name);
const world = await openChainWorld({
    marketZone: 'Europe/London',
    bucketSize: 16,
    clock,
    ...(isEstimated ? { estimates: true } : {}),
});
try {
    await (isEstimated ? fillEstimated(world, clock) : fill(world));
    await makeFolderDurably(target);
    for (const part of ['gridtally.yaml', 'feeds', 'lake', 'raw']) {
        cpSync(path.join(world.homeFolder, part), path.join(target, part), { recursive: true });
    }
    await writeFileDurably(path.join(target, 'database.ndjson'), await dumpTables(world.workspace.db));
    await writeFileDurably(
        path.join(target, 'content.txt'),
        `${(await homeContent(world.workspace, name)).join('\n')}\n`,
    );
} finally {
    await world.end();
}
