import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { draftBills } from '../src/billing/draft-bills.ts';
import { ratePeriod } from '../src/billing/rate-period.ts';
import type { BillingInputs } from '../src/billing/rating-dimensions.ts';
import { readRatingDimensions } from '../src/billing/registered-dimensions.ts';
import { LAKE_TABLES } from '../src/contracts/lake-tables.ts';
import { duckdbEngine } from '../src/engine/duckdb/duckdb-engine.ts';
import type { Engine } from '../src/engine/engine.ts';
import { addDays, type CalendarDate, calendarDate, listDays } from '../src/kernel/calendar-date.ts';
import { systemClock } from '../src/kernel/clock.ts';
import { marketDayPeriod } from '../src/kernel/market-day.ts';
import { zoneOf } from '../src/kernel/zone.ts';
import { channelDirectory } from '../src/registry/channel-directory.ts';
import type { MasterDataKind } from '../src/registry/master-data-kind.ts';
import { type Database, openDatabase } from '../src/store/database.ts';
import { removeDatabase } from '../src/store/embedded-postgres.ts';
import { migrate } from '../src/store/migrations.ts';
import { loadFile, TOWN_ZONE } from './town.ts';

/** One run beside its peer; seconds of wall clock. */
export interface DraftsRun {
    /** From committed curated files and master data in memory to the sums that bills need. */
    readonly sumSeconds: number;
    /** From the same to documents in memory. */
    readonly rateSeconds: number;
    /** From committed curated files and master data in the database to drafts in the database. */
    readonly seconds: number;
    readonly peers: { readonly duckdb: { readonly seconds: number } };
}

export interface DraftsResult {
    readonly rows: number;
    readonly bills: number;
    readonly runs: readonly DraftsRun[];
}

export interface DraftsSize {
    readonly customers: number;
    readonly days: number;
}

const ZONE = zoneOf(TOWN_ZONE);
const FROM = calendarDate('2013-05-01');
const QUARTER_HOURS = 96;
const CHANNELS_OF_A_BUCKET = 10_000;

/**
 * Drafts for quarter-hour customers on a time-of-use tariff beside a hand-written query of the same sums, in turn. Each run
 * begins without bills.
 */
export async function benchDrafts(size: DraftsSize, runs: number): Promise<DraftsResult> {
    const folder = mkdtempSync(path.join(tmpdir(), 'gridtally-bench-drafts-'));
    const engine = duckdbEngine({ memoryLimit: '2GB', threads: 2, spillFolder: path.join(folder, 'spill') });
    const db = await openDatabase({ home: path.join(folder, 'home'), schema: 'gridtally' });
    try {
        const files = await generateReadings(engine, folder, size);
        await registerTown(db, folder, size);
        const done: DraftsRun[] = [];
        for (let run = 0; run < runs; run++) done.push(await runOnce(db, engine, size, files));
        return { rows: size.customers * size.days * QUARTER_HOURS, bills: size.customers, runs: done };
    } finally {
        await engine.close();
        await db.close();
        await removeDatabase(path.join(folder, 'home'));
        rmSync(folder, { recursive: true, force: true });
    }
}

async function runOnce(
    db: Database,
    engine: Engine,
    size: DraftsSize,
    files: CuratedFiles,
): Promise<DraftsRun> {
    await db.query('truncate bills cascade');
    const peer = await timed(() => runPeer(engine, size, files.intervals));
    const inputs = await readInputs(db, size, files);
    const rated = await timed(async () => {
        const period = await ratePeriod(engine, inputs);
        const sumSeconds = sinceStart();
        for (const _ of period.bills());
        return sumSeconds;
    });
    const drafted = await timed(() =>
        draftBills({ db, engine, clock: systemClock }, () => readInputs(db, size, files)),
    );
    const { drafted: bills, incomplete } = drafted.value;
    if (bills !== size.customers || incomplete > 0)
        throw new Error(`${bills} drafts for ${size.customers} customers, ${incomplete} of them incomplete`);
    return {
        sumSeconds: rated.value,
        rateSeconds: rated.seconds,
        seconds: drafted.seconds,
        peers: { duckdb: { seconds: peer.seconds } },
    };
}

/** The report that `npm run bench -- drafts` prints. */
export function draftsText(result: DraftsResult): string {
    const rows = result.rows.toLocaleString('en');
    const lines = result.runs.map(
        (run) =>
            `drafts ${run.seconds.toFixed(1)} s (sums ${run.sumSeconds.toFixed(1)} s, documents in memory ${run.rateSeconds.toFixed(1)} s), ` +
            `the sums by hand ${run.peers.duckdb.seconds.toFixed(1)} s, ratio ${(run.seconds / run.peers.duckdb.seconds).toFixed(2)}`,
    );
    return [`${rows} readings, ${result.bills.toLocaleString('en')} bills:`, ...lines, ''].join('\n');
}

let startedAt = 0;

async function timed<T>(work: () => Promise<T>): Promise<{ value: T; seconds: number }> {
    startedAt = performance.now();
    const value = await work();
    return { value, seconds: sinceStart() };
}

function sinceStart(): number {
    return Math.round(performance.now() - startedAt) / 1000;
}

/** As a refresh leaves them: of each market day and bucket the intervals, and the gaps, of which there are none. */
interface CuratedFiles {
    readonly intervals: readonly string[];
    readonly gaps: readonly string[];
}

/** One file for each market day and bucket, sorted as the lake sorts; Wh precision, 0.5 % estimated. */
async function generateReadings(engine: Engine, folder: string, size: DraftsSize): Promise<CuratedFiles> {
    const session = await engine.openSession();
    const files = { intervals: [] as string[], gaps: [] as string[] };
    try {
        await session.registerRows('no_gaps', LAKE_TABLES.reading_gaps, []);
        for (const [dayNo, day] of daysOf(size).entries()) {
            const dayFromUs = marketDayPeriod(ZONE, day).from * 1000;
            for (let first = 1; first <= size.customers; first += CHANNELS_OF_A_BUCKET) {
                const file = path.join(folder, `reads-${day}-${first}.parquet`);
                const last = Math.min(first + CHANNELS_OF_A_BUCKET, size.customers + 1);
                await session.writeFile(readingsSql(day, dayNo, dayFromUs, first, last), file);
                files.intervals.push(file);
                const gaps = path.join(folder, `gaps-${day}-${first}.parquet`);
                await session.writeFile('select * from no_gaps order by channel_no', gaps);
                files.gaps.push(gaps);
            }
        }
        return files;
    } finally {
        await session.close();
    }
}

function readingsSql(day: string, dayNo: number, dayFromUs: number, first: number, end: number): string {
    return `select date '${day}' as market_day, cast(c.no as integer) as channel_no,
            make_timestamptz(${dayFromUs} + q.no * 900000000) as period_from, cast(15 as smallint) as interval_minutes,
            cast(cast(hash(c.no * 7919 + ${dayNo} * 96 + q.no) % 900 as decimal(12,6)) * 0.001 as decimal(18,6)) as kwh,
            case when hash(c.no * 31 + q.no + ${dayNo}) % 200 = 0 then 'estimated' else 'measured' end as quality,
            cast('A' as varchar) as source_code, cast(null as varchar) as flags, cast(1 as smallint) as feed_id,
            cast(1 as bigint) as sequence, timestamptz '2013-06-01 00:00:00+00' as received_at
        from range(${first}, ${end}) as c(no), range(0, ${QUARTER_HOURS}) as q(no)
        order by c.no, q.no`;
}

function daysOf(size: DraftsSize): CalendarDate[] {
    return listDays({ from: FROM, to: addDays(FROM, size.days) });
}

/**
 * The same sums as a person would write them, settings frozen: each metering point's kWh by band, all and estimated, with the
 * number of intervals; bands by join with the calendar's quarter-hours, made beforehand.
 */
async function runPeer(engine: Engine, size: DraftsSize, files: readonly string[]): Promise<number> {
    const session = await engine.openSession();
    try {
        const slots = daysOf(size).flatMap((day) => {
            const dayFrom = marketDayPeriod(ZONE, day).from;
            return Array.from({ length: QUARTER_HOURS }, (_, i) => [
                new Date(dayFrom + i * 900_000).toISOString(),
                i < 28 ? 'night' : 'day',
            ]);
        });
        await session.registerRows(
            'slots',
            [
                { name: 'period_from', type: 'timestamp' },
                { name: 'band', type: 'string' },
            ],
            slots,
        );
        const channels = Array.from({ length: size.customers }, (_, i) => [i + 1, i + 1]);
        await session.registerRows(
            'channels',
            [
                { name: 'channel_no', type: 'integer' },
                { name: 'metering_point_no', type: 'integer' },
            ],
            channels,
        );
        const rows = await session.rows(
            `select c.metering_point_no, s.band, sum(r.kwh) as kwh, sum(r.kwh) filter (where r.quality = 'estimated') as estimated_kwh,
                    count(*) as interval_count
               from read_parquet([${files.map((file) => `'${file}'`).join(', ')}]) as r
               join channels as c using (channel_no) join slots as s using (period_from)
              group by c.metering_point_no, s.band`,
        );
        return rows.length;
    } finally {
        await session.close();
    }
}

const TARIFF = `tariffs:
  - tariff_id: TOU
    name: Night and day
    versions:
      - valid_from: 2010-01-01
        rounding: { mode: half-up, amount_digits: 2, scope: line }
        charges:
          - { id: standing, label: Standing charge, kind: subscription, price_per_day: 0.2345 }
          - id: energy
            label: Energy
            kind: energy-bands
            calendar_id: two-rate
            price_per_kwh_by_band: { day: 0.1728, night: 0.0799 }
        taxes:
          - { id: vat, label: VAT, group: energy, percent: 5, rounding: { mode: half-up, amount_digits: 2 } }
`;
const CALENDAR = `calendars:
  - calendar_id: two-rate
    versions:
      - rules:
          - { band: night, local_times: [{ from: '00:00', to: '07:00' }] }
          - { band: day }
`;

/** All that `gridtally bill` reads before it sums: master data from the database, and which files are current. */
async function readInputs(db: Database, size: DraftsSize, files: CuratedFiles): Promise<BillingInputs> {
    const period = { from: FROM, to: addDays(FROM, size.days) };
    return db.transaction(
        async (tx) => ({
            period,
            zone: ZONE,
            currency: 'GBP',
            dimensions: await readRatingDimensions(tx, { period, zone: ZONE }),
            channels: await channelDirectory(tx),
            readsIntervalFiles: files.intervals,
            filesOfOtherDays: new Set(),
            gapFiles: files.gaps,
            registerHolds: [],
            markFiles: { reading_marks: [], day_marks: [] },
            horizonTo: period.to,
            lakeCommitNo: 1,
            partitionVersions: Object.fromEntries(files.intervals.map((file) => [path.basename(file), 1])),
        }),
        { isolation: 'repeatable read', readOnly: true },
    );
}

/** Loads what a retailer would: a customer, an account, a meter and an agreement for each number from 1, in this order. */
async function registerTown(db: Database, folder: string, size: DraftsSize): Promise<void> {
    await migrate(db);
    const csv = (header: string, line: (n: string) => string) => {
        const lines = Array.from({ length: size.customers }, (_, i) => line(String(i + 1).padStart(7, '0')));
        return `${header}\n${lines.join('\n')}\n`;
    };
    const texts: readonly (readonly [MasterDataKind, string])[] = [
        ['customers', csv('customer_id', (n) => `C${n}`)],
        ['accounts', csv('account_id,customer_id', (n) => `AC${n},C${n}`)],
        [
            'metering-points',
            csv('metering_point_id,meter_id,interval_minutes,valid_from', (n) => `MP${n},M${n},15,${FROM}`),
        ],
        ['calendars', CALENDAR],
        ['tariffs', TARIFF],
        [
            'agreements',
            csv(
                'agreement_id,account_id,metering_point_id,tariff_id,move_in,move_out',
                (n) => `AG${n},AC${n},MP${n},TOU,${FROM},`,
            ),
        ],
    ];
    for (const [kind, text] of texts) {
        const file = path.join(folder, `${kind}.${text.includes('versions:') ? 'yaml' : 'csv'}`);
        writeFileSync(file, text);
        await loadFile(db, kind, file);
    }
}
