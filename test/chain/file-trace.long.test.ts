import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { monthPeriod } from '../../src/kernel/calendar-date.ts';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { draftPeriod } from '../../src/pipeline/draft-period.ts';
import { traceFiles } from '../../src/pipeline/file-trace.ts';
import { fileNode, treeText } from '../../src/trace/trace-text.ts';
import type { TracedFile } from '../../src/trace/traced-file.ts';
import { type ChainWorld, flatTariffs, openChainWorld, readingsCsv } from './chain-world.ts';
import { addHistoryFeed, DAY, HALF_HOUR, HISTORY_FEED, halfHours, MONDAY } from './validation-world.ts';

const TARIFFS = flatTariffs({});
const METERS = ['W1', 'S1', 'R1', 'L1', 'G1'];
const REGISTERS = 'meter_id,register,read_at,value,unit,quality,version\n';
let world: ChainWorld;

/** So many days after Monday, 5 February 2024. */
const at = (day: number, slot = 0) => MONDAY + day * DAY + slot * HALF_HOUR;
const whole = (
    meter: string,
    from: number,
    kwh: readonly string[],
    others: Readonly<Record<number, null>> = {},
) =>
    halfHours(
        meter,
        at(from),
        kwh.flatMap((value) => Array.from({ length: 48 }, (_, i) => (i in others ? null : value))),
    );
const intervals = (name: string, rows: Parameters<typeof readingsCsv>[0]) =>
    world.ingest(HISTORY_FEED, { [name]: readingsCsv(rows) });
const reads = (name: string, rows: readonly (readonly [meter: string, day: number, kwh: string])[]) =>
    world.ingest('generic-register-csv', {
        [name]:
            REGISTERS +
            rows
                .map(([meter, day, kwh]) => `${meter},1,${new Date(at(day)).toISOString()},${kwh},kWh,A,1\n`)
                .join(''),
    });

/** Five accounts, each with a meter of its own. */
async function loadAccounts(): Promise<void> {
    const list = (header: string, row: (meter: string) => string) =>
        `${header}\n${METERS.map(row).join('\n')}\n`;
    await world.load(
        'customers',
        'c.csv',
        list('customer_id,name', (m) => `C-${m},${m}`),
    );
    await world.load(
        'accounts',
        'a.csv',
        list('account_id,customer_id', (m) => `${m},C-${m}`),
    );
    await world.load(
        'metering-points',
        'p.csv',
        list('metering_point_id,meter_id,interval_minutes,valid_from', (m) => `P-${m},${m},30,2024-02-05`),
    );
    await world.load('tariffs', 'tariffs.yaml', TARIFFS);
    await world.load(
        'agreements',
        'g.csv',
        list(
            'agreement_id,account_id,metering_point_id,tariff_id,move_in,move_out',
            (m) => `G-${m},${m},P-${m},flat,2024-02-05,`,
        ),
    );
}

/** Bills of February and March; after them a correction and a withdrawal. */
before(async () => {
    world = await openChainWorld({ marketZone: 'Europe/London', estimates: true });
    addHistoryFeed(world);
    await loadAccounts();
    await intervals('w.csv', whole('W1', 0, ['0.1', '0.2']));
    await intervals('s.csv', whole('S1', 0, ['0.1', '0.2']));
    // from February into March: 26 days after Monday is the second of March
    await intervals('r.csv', whole('R1', 0, ['0.1']));
    await reads('reads.csv', [
        ['R1', 22, '100'],
        ['R1', 26, '150'],
    ]);
    // at noon of the second Monday nothing came, and the days before it have none but the first
    await intervals('like.csv', whole('L1', 0, ['0.3']));
    await intervals('night.csv', halfHours('L1', at(1), ['0.5', '0.5']));
    await intervals(
        'rest.csv',
        whole('L1', 7, ['0.4'], { 24: null, 25: null, 26: null, 27: null, 28: null }),
    );
    // a line over midnight
    await intervals(
        'before.csv',
        halfHours('G1', at(2, 40), ['0.1', '0.1', '0.1', '0.1', '0.1', '0.1', '0.7']),
    );
    await intervals('after.csv', halfHours('G1', at(3, 1), ['0.9', '0.1']));
    await intervals('last.csv', whole('W1', 40, ['0.1']));
    await refreshAll(world.workspace);
    for (const month of ['2024-02', '2024-03']) await draftPeriod(world.workspace, monthPeriod(month));
    await world.workspace.db.query(`update bills set state = 'sealed' where bill_id = 'B-S1-2024-02-1'`);
    await intervals(
        'corrected.csv',
        halfHours(
            'S1',
            at(1),
            Array.from({ length: 48 }, () => '0.9'),
            { version: 2 },
        ),
    );
    await intervals(
        'withdrawn.csv',
        Array.from(
            { length: 48 },
            (_, i) => ({ meter: 'W1', at: at(1, i), quality: 'W', version: 2 }) as const,
        ),
    );
    await refreshAll(world.workspace);
});
after(() => world.end());

async function traced(sourceKey: string): Promise<TracedFile> {
    const [file] = await traceFiles(world.workspace, { named: sourceKey, daysMax: 100 });
    assert.ok(file);
    return file;
}

const bills = ({ bills }: TracedFile) =>
    bills.map(({ billId, state, through }) => `${state} ${billId} ${through.join(' ')}`);
const resting = ({ restingDays }: TracedFile) =>
    restingDays.map(({ meterId, marketDay, methods }) => `${meterId} ${marketDay} ${methods.join(' ')}`);

test('a file that only withdraws leads to the bills of its days', async () => {
    const file = await traced('withdrawn.csv');
    assert.deepEqual([file.versions, file.winning], [48, 0]);
    assert.deepEqual(bills(file), ['draft B-W1-2024-02-1 estimates other-versions']);
    assert.deepEqual(resting(file).at(0), 'W1 2024-02-06 like-day');
});

test('the original file of a sealed bill leads to it after its correction, and so does the correction', async () => {
    const original = await traced('s.csv');
    assert.deepEqual([original.versions, original.winning], [96, 48]);
    assert.deepEqual(bills(original), ['sealed B-S1-2024-02-1 estimates other-versions published']);
    assert.deepEqual(bills(await traced('corrected.csv')), ['sealed B-S1-2024-02-1 estimates published']);
});

test('a file of register reads leads to its reads, to the days that are scaled to them, and to the bills of both', async () => {
    const file = await traced('reads.csv');
    assert.deepEqual(
        file.reads.map(({ meterId, readAt, indexKwh, outcome }) => [meterId, readAt, indexKwh, outcome]),
        [
            ['R1', '2024-02-27T00:00:00Z', '100.000000', 'winning'],
            ['R1', '2024-03-02T00:00:00Z', '150.000000', 'winning'],
        ],
    );
    const days = ['2024-02-27', '2024-02-28', '2024-02-29', '2024-03-01'];
    assert.deepEqual(
        resting(file),
        days.map((day) => `R1 ${day} flat`),
    );
    assert.deepEqual(bills(file), [
        'draft B-R1-2024-02-1 advances estimates',
        'draft B-R1-2024-03-1 advances estimates',
    ]);
});

test('a file leads to the days whose estimates look at its values, at the local time of each, and not to others', async () => {
    const likeDays = (days: readonly string[]) => days.map((day) => `L1 2024-02-${day} like-day`);
    assert.deepEqual(resting(await traced('like.csv')), likeDays(['06', '07', '08', '09', '12']));
    // on the second Monday only noon is estimated
    assert.deepEqual(resting(await traced('night.csv')), likeDays(['07', '08', '09']));
    assert.deepEqual(resting(await traced('rest.csv')), []);
    for (const name of ['before.csv', 'after.csv'])
        assert.deepEqual(resting(await traced(name)), ['G1 2024-02-07 linear', 'G1 2024-02-08 linear'], name);
});

test('text tells reads, days and bills, and how a file leads to them', async () => {
    const lines = treeText([fileNode(await traced('reads.csv'))]);
    assert.deepEqual(lines.slice(1), [
        '├─ 2 rows = 0 versions (0 of them published) + 2 reads of registers + 0 quarantined + 0 waiting',
        '├─ 0 partitions',
        '├─ 0 daily totals',
        '├─ 2 reads of registers',
        '│  ├─ R1 1, 2024-02-27T00:00:00Z: 100.000000 kWh, winning',
        '│  └─ R1 1, 2024-03-02T00:00:00Z: 150.000000 kWh, winning',
        '├─ 4 days with estimates that rest on it',
        '│  ├─ R1 1, day 2024-02-27: flat, 12.500000 kWh',
        '│  ├─ R1 1, day 2024-02-28: flat, 12.500000 kWh',
        '│  ├─ R1 1, day 2024-02-29: flat, 12.500000 kWh',
        '│  └─ R1 1, day 2024-03-01: flat, 12.500000 kWh',
        '└─ 2 bills of those days',
        '   ├─ draft B-R1-2024-02-1 (P-R1), through advances, estimates',
        '   └─ draft B-R1-2024-03-1 (P-R1), through advances, estimates',
    ]);
});
