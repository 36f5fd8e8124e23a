import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { BillDocument } from '../../src/billing/bill-document.ts';
import { ratePeriod } from '../../src/billing/rate-period.ts';
import type {
    BillingInputs,
    RatingAgreement,
    RatingChannel,
    RatingTariffVersion,
} from '../../src/billing/rating-dimensions.ts';
import { LAKE_TABLES } from '../../src/contracts/lake-tables.ts';
import type { TariffStructure } from '../../src/contracts/tariff-structure.ts';
import { duckdbEngine } from '../../src/engine/duckdb/duckdb-engine.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { type CalendarDate, calendarDate } from '../../src/kernel/calendar-date.ts';
import { zoneOf } from '../../src/kernel/zone.ts';
import { fraction, localOf, type NaiveLine, type NaiveReading, plain } from './naive-bills.ts';

/** A folder and an engine for one test file; call `end` when it is done. */
export interface TestLake {
    readonly engine: Engine;
    readonly folder: string;
    end(): Promise<void>;
}

export function openTestLake(): TestLake {
    const folder = mkdtempSync(path.join(tmpdir(), 'gridtally-billing-'));
    const engine = duckdbEngine({
        memoryLimit: '500MB',
        threads: 2,
        spillFolder: path.join(folder, 'spill'),
    });
    return {
        engine,
        folder,
        async end() {
            await engine.close();
            rmSync(folder, { recursive: true, force: true });
        },
    };
}

export interface GapRow {
    readonly channelNo: number;
    readonly from: number;
    readonly to: number;
    readonly missingCount: number;
}

let fileNo = 0;

/** Writes readings as a `reads_interval` file; gives its path. */
export async function writeReadings(
    lake: TestLake,
    zone: string,
    readings: readonly NaiveReading[],
    intervalMinutes: number | ((channelNo: number) => number),
): Promise<string> {
    const rows = [...readings]
        .sort((a, b) => a.channelNo - b.channelNo || a.from - b.from)
        .map((r) => [
            localOf(zone, r.from).date,
            r.channelNo,
            new Date(r.from).toISOString(),
            typeof intervalMinutes === 'number' ? intervalMinutes : intervalMinutes(r.channelNo),
            microText(r.micro),
            r.isEstimated ? 'estimated' : 'measured',
            null,
            null,
            1,
            1,
            '2020-01-01T00:00:00Z',
        ]);
    return writeTable(lake, 'reads_interval', rows);
}

export async function writeGaps(lake: TestLake, zone: string, gaps: readonly GapRow[]): Promise<string> {
    const rows = gaps.map((g) => [
        localOf(zone, g.from).date,
        g.channelNo,
        new Date(g.from).toISOString(),
        new Date(g.to).toISOString(),
        g.missingCount,
    ]);
    return writeTable(lake, 'reading_gaps', rows);
}

/** Writes rows of any table that billing reads, in the order of its columns; gives the path of the file. */
export async function writeTable(
    lake: TestLake,
    table: 'reads_interval' | 'reading_gaps' | 'reading_marks' | 'day_marks',
    rows: (string | number | null)[][],
): Promise<string> {
    const session = await lake.engine.openSession();
    try {
        await session.registerRows('rows_to_write', LAKE_TABLES[table], rows);
        fileNo += 1;
        const file = path.join(lake.folder, `${table}-${fileNo}.parquet`);
        await session.writeFile('select * from rows_to_write', file);
        return file;
    } finally {
        await session.close();
    }
}

export function microText(micro: bigint): string {
    const digits = (micro < 0n ? -micro : micro).toString().padStart(7, '0');
    return `${micro < 0n ? '-' : ''}${digits.slice(0, -6)}.${digits.slice(-6)}`;
}

/** Inputs with nothing in them; tests fill in what they are about. */
export function inputsOf(
    part: Partial<BillingInputs> & { from: string; to: string; zoneName?: string },
): BillingInputs {
    const { from, to, zoneName, ...rest } = part;
    return {
        period: { from: calendarDate(from), to: calendarDate(to) },
        zone: zoneOf(zoneName ?? 'Europe/London'),
        currency: 'GBP',
        dimensions: {
            agreements: [],
            tariffVersions: [],
            calendarVersions: [],
            holidays: [],
            priceSeries: [],
        },
        channels: [],
        readsIntervalFiles: [],
        gapFiles: [],
        registerHolds: [],
        markFiles: { reading_marks: [], day_marks: [] },
        horizonTo: calendarDate(to),
        lakeCommitNo: 1,
        partitionVersions: {},
        ...rest,
    };
}

export function agreement(
    no: number,
    part: Partial<Omit<RatingAgreement, 'validFrom' | 'validTo'>> & { from?: string; to?: string } = {},
): RatingAgreement {
    const { from, to, ...rest } = part;
    return {
        agreementNo: no,
        agreementId: `AG${no}`,
        accountNo: no,
        accountId: `AC${no}`,
        customerId: `C${no}`,
        meteringPointNo: no,
        meteringPointId: `MP${no}`,
        tariffNo: 1,
        tariffId: 'T1',
        validFrom: dateOrNull(from),
        validTo: dateOrNull(to),
        ...rest,
    };
}

export function tariffVersion(
    no: number,
    structure: TariffStructure,
    part: { tariffNo?: number; from?: string; to?: string } = {},
): RatingTariffVersion {
    const tariffNo = part.tariffNo ?? 1;
    return {
        tariffVersionNo: no,
        tariffNo,
        tariffId: `T${tariffNo}`,
        validFrom: dateOrNull(part.from),
        validTo: dateOrNull(part.to),
        structure,
    };
}

export function channel(no: number, part: Partial<RatingChannel> = {}): RatingChannel {
    return {
        channelNo: no,
        meteringPointId: `MP${no}`,
        meterId: `M${no}`,
        flow: 'to_customer',
        intervalMinutes: 30,
        validFromMs: null,
        validToMs: null,
        expectedFrom: null,
        ...part,
    };
}

function dateOrNull(text: string | undefined): CalendarDate | null {
    return text === undefined ? null : calendarDate(text);
}

export async function billsOf(lake: TestLake, inputs: BillingInputs): Promise<BillDocument[]> {
    const rated = await ratePeriod(lake.engine, inputs);
    assert.deepEqual(rated.unrated, []);
    return [...rated.bills()].map((bill) => bill.document);
}

/** Lines of documents in a form that is equal for equal numbers however they are written. */
export function comparableLines(documents: readonly BillDocument[]): string[] {
    const lines = documents.flatMap((document) =>
        document.sections.flatMap((section) =>
            section.lines.map((line) => ({
                account: document.accountId,
                agreement: section.agreementId,
                charge: line.charge,
                band: line.band,
                from: line.serviceFrom,
                to: line.serviceTo,
                unit: line.unit,
                quantity: fraction(line.quantity),
                measured: line.measuredKwh === null ? null : fraction(line.measuredKwh),
                price: line.price === null ? null : fraction(line.price),
                estimated: fraction(line.estimatedKwh ?? '0'),
                exact: fraction(line.amountExact),
                amount: fraction(line.amount),
            })),
        ),
    );
    return comparableNaive(lines);
}

export function comparableNaive(lines: readonly NaiveLine[]): string[] {
    return lines
        .map((l) =>
            [
                l.account,
                l.agreement,
                l.charge,
                l.band,
                `${l.from}..${l.to}`,
                l.unit,
                plain(l.quantity),
                l.measured && plain(l.measured),
                plain(l.estimated),
                l.price && plain(l.price),
                plain(l.exact),
                plain(l.amount),
            ].join(' | '),
        )
        .sort();
}
