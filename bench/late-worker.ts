import { execFile } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Workspace } from '../src/cli/workspace.ts';
import { addDays, calendarDate } from '../src/kernel/calendar-date.ts';
import { marketDayPeriod } from '../src/kernel/market-day.ts';
import { zoneOf } from '../src/kernel/zone.ts';
import { load, refreshAll } from '../src/pipeline/chain.ts';
import { draftPeriod } from '../src/pipeline/draft-period.ts';
import { type BulkDay, bulkDay } from '../src/simulate/bulk-day.ts';
import { randomStream } from '../src/simulate/random-stream.ts';
import { ingestFile, publishFile, secondsOf, withTownHome } from './home.ts';
import type { LateCorrections, LateResult, TraceTime } from './late.ts';
import { type CorrectedValue, FLAT_TARIFF, TOWN_DATE, TOWN_ZONE, writeCorrections } from './town.ts';

/** As users have it, or the sources. */
const MAIN = process.env.GRIDTALLY_PROGRAM ?? fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));
const run = promisify(execFile);
const MINUTES = 15;
const CORRECTED_SHARE = 0.001;
const LATE_METERS_SHARE = 0.02;
const LATE_DAYS = 3;

/** The month's sizes, and where its files are made. */
interface Month {
    readonly folder: string;
    readonly meters: number;
    readonly days: number;
}

function dayOf(n: number) {
    return addDays(calendarDate(TOWN_DATE), n);
}

/** Writes day `n` as `day-n/` below the town; the first day's folder is the town itself, with the master data. */
function simulateDay({ folder, meters }: Month, n: number): BulkDay {
    return bulkDay({
        outFolder: path.join(folder, 'town', n === 0 ? '' : `day-${n}`),
        seed: `bench ${n}`,
        meters,
        minutes: MINUTES,
        date: dayOf(n),
        marketZone: TOWN_ZONE,
        correctionsRate: 0,
    });
}

/** Each file is taken away when it is received: the raw store keeps its bytes. */
async function receiveMonth(
    workspace: Workspace,
    month: Month,
    first: BulkDay,
): Promise<{ rows: number; seconds: number }> {
    let rows = 0;
    let seconds = 0;
    for (let n = 0; n < month.days; n++) {
        const day = n === 0 ? first : simulateDay(month, n);
        const name = path.relative(path.join(month.folder, 'town'), day.readingsPath);
        seconds += (await secondsOf(() => ingestFile(workspace, month.folder, name))).seconds;
        rows += day.rows;
        rmSync(day.readingsPath);
        process.stderr.write(`received ${n + 1} of ${month.days} days\n`);
    }
    return { rows, seconds };
}

type Slot = readonly [meter: number, day: number, slot: number];

function* fewMetersThreeDays({ meters, days }: Month): Generator<Slot> {
    const random = randomStream('late', 'few meters');
    const chosen = new Set<number>();
    while (chosen.size < Math.max(1, Math.round(meters * LATE_METERS_SHARE)))
        chosen.add(random.between(1, meters));
    const first = Math.floor((days - LATE_DAYS) / 2);
    // as many slots as make a thousandth of the month, spread evenly over the three days
    const rows = Math.min(96 * LATE_DAYS, (CORRECTED_SHARE * days * 96) / LATE_METERS_SHARE);
    const step = (96 * LATE_DAYS) / rows;
    for (const meter of [...chosen].sort((a, b) => a - b))
        for (let at = 0; at < 96 * LATE_DAYS; at += step)
            yield [meter, first + Math.floor(at / 96), Math.floor(at) % 96];
}

function* allOverTheMonth({ meters, days }: Month): Generator<Slot> {
    const random = randomStream('late', 'all over');
    for (let n = Math.round(CORRECTED_SHARE * meters * days * 96); n > 0; n--)
        yield [random.between(1, meters), random.between(0, days - 1), random.between(0, 95)];
}

const SPREADS = {
    'few meters, three days': fewMetersThreeDays,
    'all over the month': allOverTheMonth,
} as const;

async function correctLate(
    workspace: Workspace,
    month: Month,
    spread: LateCorrections['spread'],
    version: number,
): Promise<LateCorrections> {
    const name = `late-${version}.csv`;
    writeCorrections(path.join(month.folder, 'town', name), valuesOf(month, spread, version), version);
    return { spread, ...(await publishFile(workspace, month.folder, name)) };
}

function* valuesOf(
    month: Month,
    spread: LateCorrections['spread'],
    version: number,
): Generator<CorrectedValue> {
    const zone = zoneOf(TOWN_ZONE);
    const starts = Array.from({ length: month.days }, (_, n) => marketDayPeriod(zone, dayOf(n)).from);
    for (const [meter, day, slot] of SPREADS[spread](month))
        yield { meter, at: (starts[day] ?? 0) + slot * MINUTES * 60_000, kwh: `${version}.125` };
}

/** One customer of the first meter, with a bill of the month; gives its id. */
async function draftOneBill(workspace: Workspace, { folder, days }: Month): Promise<string> {
    const documents = [
        ['customers', 'customers.csv', 'customer_id,name,joined_on\nC1,One,2013-01-01\n'],
        ['accounts', 'accounts.csv', 'account_id,customer_id\nA1,C1\n'],
        ['tariffs', 'tariffs.yaml', FLAT_TARIFF],
        [
            'agreements',
            'agreements.csv',
            `agreement_id,account_id,metering_point_id,tariff_id,move_in,move_out\nG1,A1,MP0000001,flat,${TOWN_DATE},\n`,
        ],
    ] as const;
    for (const [kind, name, text] of documents) {
        const file = path.join(folder, name);
        writeFileSync(file, text);
        await load(workspace, { kind, file });
    }
    await draftPeriod(workspace, { from: dayOf(0), to: dayOf(days) });
    const [bill] = await workspace.db.query<{ id: string }>('select bill_id as id from bills');
    if (!bill) throw new Error('no bill was drafted');
    return bill.id;
}

async function traceAll({ folder, days }: Month, billId: string): Promise<TraceTime[]> {
    const day = dayOf(Math.floor(days / 2));
    const questions = [
        ['reading', 'M000001', `${day}T10:00:00Z`],
        ['day', 'M000001', day],
        ['bill', billId],
        ['bill', billId, '1'],
        ['file', 'late-1.csv'],
    ];
    const traces: TraceTime[] = [];
    for (const question of questions) {
        const args = ['trace', ...question, '--json', '--home', path.join(folder, 'home')];
        const { seconds } = await secondsOf(() =>
            run(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, ...args], {
                maxBuffer: 1 << 28,
            }),
        );
        traces.push({ question: question.join(' '), seconds });
    }
    return traces;
}

async function main(month: Month): Promise<void> {
    // with the master data, which come before all readings
    const first = simulateDay(month, 0);
    await withTownHome(month.folder, async (workspace) => {
        const received = await receiveMonth(workspace, month, first);
        const full = await secondsOf(() => refreshAll(workspace));
        const late = [];
        for (const [n, spread] of (['few meters, three days', 'all over the month'] as const).entries())
            late.push(await correctLate(workspace, month, spread, n + 1));
        const billId = await draftOneBill(workspace, month);
        const result: LateResult = {
            meters: month.meters,
            days: month.days,
            readings: received.rows,
            ingestSeconds: received.seconds,
            fullRefreshSeconds: full.seconds,
            fullRefreshCpuSeconds: full.cpuSeconds,
            late,
            traces: await traceAll(month, billId),
        };
        process.stdout.write(`${JSON.stringify(result)}\n`);
    });
}

const [folder = '', meters, days] = process.argv.slice(2);
await main({ folder, meters: Number(meters), days: Number(days) });
