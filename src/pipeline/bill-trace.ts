import type { BillLine, BillSection } from '../billing/bill-document.ts';
import { loadBill, type StoredBill } from '../billing/bill-queries.ts';
import { openLineBands } from '../billing/line-bands.ts';
import { readRatingDimensions } from '../billing/registered-dimensions.ts';
import { calendarDate } from '../kernel/calendar-date.ts';
import { counted } from '../kernel/counted.ts';
import { add, decimal, formatDecimal } from '../kernel/decimal.ts';
import { assert, GridtallyError } from '../kernel/errors.ts';
import { parseInstant } from '../kernel/period.ts';
import { inTurns } from '../kernel/turns.ts';
import { namedChannels } from '../registry/named-channels.ts';
import { daysOfLine, type TracedBill, type TracedBillLine } from '../trace/traced-bill.ts';
import { requireSum, sumKwh, type TracedDay } from '../trace/traced-total.ts';
import type { TracedInterval } from '../trace/traced-version.ts';
import type { Chain } from './chain.ts';
import { traceTotals } from './total-trace.ts';

export interface BillQuestion {
    readonly billId: string;
    /** From 1, as `bill_lines` counts them; absent: every line. */
    readonly lineNo?: number;
    readonly readsLines: boolean;
    /** Whether what estimates were made of is told. */
    readonly readsInputs?: boolean;
}

interface NumberedLine {
    readonly lineNo: number;
    readonly line: BillLine;
    readonly section: BillSection;
    /** Null for a tax. */
    readonly tariffVersionNo: number | null;
}

type BandFinder = ReturnType<typeof openLineBands>;

/**
 * Takes lines of a bill apart: to the readings whose sum a line prices, their versions, payloads and lines. Tariffs are those that the bill was made
 * by; calendars, series and readings are those that are believed now: where they have changed since a draft was made, its numbers do not add up any more.
 * Throws `billing.bill-unknown`, `trace.stale` and `trace.does-not-add-up`.
 */
export async function traceBill(chain: Chain, question: BillQuestion): Promise<TracedBill> {
    const { db, zone } = chain.lake;
    const bill = await loadBill(db, question.billId);
    const { document } = bill;
    const allLines = await numberedLines(chain, bill);
    const lines = allLines.filter(
        ({ lineNo }) => question.lineNo === undefined || lineNo === question.lineNo,
    );
    if (lines.length === 0)
        throw new GridtallyError('usage.invalid', `bill ${question.billId} has no line ${question.lineNo}`, {
            remedy: `It has ${counted(allLines.length, 'line')}, numbered from 1: \`gridtally bill show ${question.billId}\` shows them.`,
        });
    const tariffVersionNos = [...new Set(lines.flatMap(({ tariffVersionNo }) => tariffVersionNo ?? []))];
    const period = { from: calendarDate(document.periodFrom), to: calendarDate(document.periodTo) };
    const dimensions = await readRatingDimensions(db, { period, zone, tariffVersionNos });
    const bandOf = openLineBands(dimensions, zone);
    const daysByKey = await readDays(chain, lines, question);
    const traced = lines.map((one) =>
        traceLine(one, one.line.kind === 'energy' ? (daysByKey.get(daysKey(one)) ?? []) : [], bandOf),
    );
    const { billId, accountId, periodFrom, periodTo, energyKwh, amountDue, currency } = document;
    return {
        billId,
        accountId,
        state: bill.state,
        periodFrom,
        periodTo,
        energyKwh,
        amountDue,
        currency,
        lines: traced,
    };
}

async function numberedLines({ lake }: Chain, { document }: StoredBill): Promise<NumberedLine[]> {
    const rows = await lake.db.query<{ lineNo: number; tariffVersionNo: number | null }>(
        `select line_no as "lineNo", tariff_version_no as "tariffVersionNo" from bill_lines join bills using (bill_no)
          where bill_id = $1 order by 1`,
        [document.billId],
    );
    const lines = document.sections.flatMap((section) => section.lines.map((line) => ({ line, section })));
    assert(rows.length === lines.length, `bill ${document.billId} has a reference for each line`);
    return lines.map((line, i) => ({
        ...line,
        lineNo: i + 1,
        tariffVersionNo: rows[i]?.tariffVersionNo ?? null,
    }));
}

// what a trace waits for is mostly one thread of the engine that plans many small statements
const READ_AT_ONCE = 2;

/** Days of the channels by which the metering points take energy, once for all lines of one service period. */
async function readDays(
    chain: Chain,
    lines: readonly NumberedLine[],
    { readsLines, readsInputs = false }: BillQuestion,
): Promise<Map<string, TracedDay[]>> {
    const energy = lines.filter(({ line }) => line.kind === 'energy');
    const wanted = new Map(energy.map((one) => [daysKey(one), one]));
    const known = new Map<string, TracedDay[]>();
    await inTurns(wanted, READ_AT_ONCE, async ([key, { line, section }]) => {
        const named = await namedChannels(chain.lake.db, section.meteringPointId);
        const channels = named.channels.filter(
            ({ flow, meteringPointId }) =>
                flow === 'to_customer' && meteringPointId === section.meteringPointId,
        );
        const traced = await traceTotals(chain, {
            named: { ...named, channels },
            days: { from: calendarDate(line.serviceFrom), to: calendarDate(line.serviceTo) },
            readsLines,
            // what was measured on other days is told by traces of those
            ...(readsInputs ? { inputs: 'sums' } : {}),
        });
        known.set(key, traced);
    });
    return known;
}

function daysKey({ line, section }: NumberedLine): string {
    return `${section.meteringPointId} ${line.serviceFrom} ${line.serviceTo}`;
}

function traceLine(
    { lineNo, line, tariffVersionNo }: NumberedLine,
    traced: readonly TracedDay[],
    bandOf: BandFinder,
): TracedBillLine {
    const isInLine = ({ marketDay, periodFrom }: TracedInterval) => {
        const interval = { day: calendarDate(marketDay), at: parseInstant(periodFrom) };
        return (
            bandOf({ tariffVersionNo: tariffVersionNo ?? 0, chargeId: line.charge }, interval) === line.band
        );
    };
    const days = daysOfLine(traced, (intervals) => formatDecimal(sumKwh(intervals)), isInLine);
    const isEnergy = line.kind === 'energy';
    const kwh = isEnergy ? energyOf(line) : null;
    if (kwh !== null) requireSum(`line ${lineNo} (${line.charge} ${line.band ?? ''})`, kwh, days);
    const { kind, charge, band, tariffId, serviceFrom, serviceTo, quantity, unit, price, amount } = line;
    return {
        lineNo,
        kind,
        charge,
        band,
        tariffId,
        serviceFrom,
        serviceTo,
        quantity,
        unit,
        price,
        amount,
        kwh,
        days,
    };
}

/** Before the tariff rounds the quantity. */
function energyOf({ measuredKwh, estimatedKwh }: BillLine): string {
    return formatDecimal(add(decimal(measuredKwh ?? '0'), decimal(estimatedKwh ?? '0')));
}
