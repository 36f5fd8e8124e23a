import assert from 'node:assert/strict';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { type ChainWorld, openChainWorld, type ReadingRow, readingsCsv } from '../chain/chain-world.ts';
import { runCommand } from './run-command.ts';

const HALF_HOUR = 1_800_000;
const FROM = Date.parse('2013-05-01T00:00:00+01:00');
const TARIFFS = `tariffs:
  - tariff_id: flat
    name: Flat
    versions:
      - valid_from: 2013-01-01
        rounding: { mode: half-even, amount_digits: 2, scope: line }
        charges:
          - { id: standing, kind: subscription, price_per_day: 0.20 }
          - { id: energy, kind: energy-flat, price_per_kwh: 0.10 }
        taxes:
          - { id: vat, label: VAT, group: energy, percent: 5 }
`;
let world: ChainWorld;

before(async () => {
    world = await openChainWorld({ marketZone: 'Europe/London' });
    await world.load('customers', 'c.csv', 'customer_id,name\nC1,Ada\n');
    await world.load('accounts', 'a.csv', 'account_id,customer_id\nA1,C1\n');
    const points = 'metering_point_id,meter_id,interval_minutes,valid_from\nP1,M1,30,2013-05-01\n';
    await world.load('metering-points', 'p.csv', points);
    await world.load('tariffs', 't.yaml', TARIFFS);
    const columns = 'agreement_id,account_id,metering_point_id,tariff_id,move_in,move_out';
    await world.load('agreements', 'g.csv', `${columns}\nG1,A1,P1,flat,2013-05-01,2013-05-03\n`);
    // of the second day the last interval is missing
    await world.ingest('generic-csv', { 'days.csv': readingsCsv(rows(0, 95)) });
});

after(() => world.end());

const run = (...args: string[]) => runCommand(world.homeFolder, ...args);

function rows(first: number, end: number, kwh = '0.25', version = 0): ReadingRow[] {
    const one = (n: number) => ({ meter: 'M1', at: FROM + n * HALF_HOUR, kwh, version });
    return Array.from({ length: end - first }, (_, i) => one(first + i));
}

async function done(...args: string[]): Promise<string> {
    const end = await run(...args);
    assert.equal(end.code, 0, end.said);
    return end.out;
}

/** Paths of the segments below the raw store, in the order of receipt. */
async function segments(): Promise<string[]> {
    const found = await world.workspace.db.query<{ path: string }>(
        'select path from segments order by first_sequence',
    );
    return found.map((row) => row.path);
}

test('a plan tells what a refresh then does, how and why', async () => {
    assert.equal(
        await done('refresh', '--plan'),
        'curate (new): 2 partitions, 2013-05-01 to 2013-05-02, 1 bucket\n0 partitions up to date\n',
    );
    assert.equal(
        await done('refresh'),
        '2 partitions rebuilt, 0 merged, 0 emptied\n2 channel-days changed\n',
    );
    await world.ingest('generic-csv', { 'correction.csv': readingsCsv(rows(3, 4, '0.35', 1)) });
    assert.equal(
        await done('refresh', '--plan'),
        `merge (readings): 1 partition, 2013-05-01, 1 bucket
marks beside other days (days): 1 partition, 2013-05-01 to 2013-05-01
1 partition up to date
`,
    );
    assert.equal(await done('refresh'), '0 partitions rebuilt, 1 merged, 0 emptied\n1 channel-day changed\n');
    assert.equal(await done('refresh', '--plan'), 'nothing is stale\n2 partitions up to date\n');
});

const BILL = `BILL B-A1-2013-05-1                                                        DRAFT
================================================================================
Account    A1
Customer   C1
Period     2013-05-01 until 2013-06-01 (end exclusive, days of Europe/London)

Agreement G1, metering point P1
Service 2013-05-01 until 2013-05-03
--------------------------------------------------------------------------------
                                         quantity             price          GBP
standing                                        2 day          0.20         0.40
  2013-05-01 until 2013-05-03
energy                                     23.850 kWh          0.10         2.38
  2013-05-01 until 2013-05-03
VAT                                          2.78 GBP           5 %         0.14
  2013-05-01 until 2013-05-03
--------------------------------------------------------------------------------
Sum of the lines                                                            2.92
Energy                                     23.850 kWh
Missing: 1 of 96 intervals
  2013-05-02T22:30:00Z to 2013-05-02T23:00:00Z no reading (1), meter M1

================================================================================
TOTAL DUE (GBP)                                                             2.92
Energy (kWh)                                                              23.850

INCOMPLETE: energy that is missing above is not charged in this bill.

content sha256 SHA
`;

test('a bill is printed as text, to the penny, and in full with --json', async () => {
    assert.equal(
        await done('bill', '--period', '2013-05'),
        '2013-05: 1 bill drafted, 0 replaced, 0 as before, 0 removed\n1 incomplete; total due 2.92 GBP\n',
    );
    const text = await done('bill', 'show', 'B-A1-2013-05-1');
    assert.equal(text.replace(/[0-9a-f]{64}/, 'SHA').trimEnd(), BILL.trimEnd());
    const shown = JSON.parse(await done('bill', 'show', 'B-A1-2013-05-1', '--json'));
    assert.deepEqual(Object.keys(shown).sort(), [
        'contentSha256',
        'document',
        'draftedAt',
        'madeFrom',
        'state',
    ]);
    assert.ok(text.includes(shown.contentSha256));
    const { amountDue, isComplete, sections } = shown.document;
    assert.deepEqual([shown.state, amountDue, isComplete, sections.length], ['draft', '2.92', false, 1]);
    assert.deepEqual(
        sections[0].lines.map((line: Record<string, string>) => [
            line.charge,
            line.quantity,
            line.price,
            line.amountExact,
            line.amount,
        ]),
        [
            ['standing', '2', '0.20', '0.40', '0.40'],
            // half-even
            ['energy', '23.850', '0.10', '2.385', '2.38'],
            ['vat', '2.78', '5', '0.139', '0.14'],
        ],
    );
    const unknown = await run('bill', 'show', 'B-none');
    assert.equal(unknown.code, 1);
    assert.equal(
        unknown.said,
        'error billing.bill-unknown: there is no bill "B-none"\nList the bills with `gridtally bill list`.\n',
    );
});

test('what the catalogue lost is named, entered from the headers, and comes in', async () => {
    const [, lost = ''] = await segments();
    await world.workspace.db.query('delete from segments where path = $1', [lost]);
    const found = `2 segments, 2 payloads, \\d,\\d{3} bytes: all sound\nnot in the catalogue: ${lost}\n`;
    assert.match(
        await done('verify', 'raw'),
        new RegExp(`^${found}next: gridtally verify raw --rebuild \\(enters it\\)\n$`),
    );
    assert.match(
        await done('verify', 'raw', '--rebuild'),
        new RegExp(`^${found}1 segment entered from its headers; next: gridtally work\n$`),
    );
    assert.equal((await segments())[1], lost);
    assert.match(await done('work'), /^parsed 1 payload of 1 row;/);
    assert.match(await done('verify', 'raw'), /^2 segments, 2 payloads, \d,\d{3} bytes: all sound\n$/);
});

test('bytes that are damaged or missing are named, and the exit status is 1', async () => {
    const [damaged = '', missing = ''] = await segments();
    const file = path.join(world.homeFolder, 'raw', damaged);
    const header = readFileSync(file).indexOf('\n') + 1;
    const bytes = readFileSync(file, 'latin1').replace('0.25', '9.25');
    writeFileSync(file, bytes, 'latin1');
    renameSync(path.join(world.homeFolder, 'raw', missing), path.join(world.folder, 'taken'));
    const end = await run('verify', 'raw');
    assert.equal(end.code, 1);
    assert.deepEqual(end.out.split('\n').slice(1), [
        `damaged: ${file} at byte ${header}: the payload does not have its SHA-256`,
        `missing: ${missing}`,
        '',
    ]);
    assert.match(end.out, /^1 segment, 1 payload, \d,\d{3} bytes: damage found\n/);
    const told = await run('verify', 'raw', '--rebuild', '--json');
    assert.equal(told.code, 1);
    const { isSound, damaged: named, entered } = JSON.parse(told.out);
    assert.deepEqual([isSound, named[0].segmentPath, named[0].sequence, entered], [false, file, 1, 0]);
});
