/**
 * A second computation of bills for the tests: one loop over single readings, fractions of whole numbers,
 * local time from Intl. It shares nothing with the product but the shape of its inputs.
 */

import type {
    BillingInputs,
    RatingAgreement,
    RatingTariffVersion,
} from '../../src/billing/rating-dimensions.ts';
import type { Charge, TariffStructure } from '../../src/contracts/tariff-structure.ts';

export interface NaiveReading {
    readonly channelNo: number;
    readonly from: number;
    /** kWh in millionths. */
    readonly micro: bigint;
    readonly isEstimated: boolean;
}

export interface Fraction {
    readonly n: bigint;
    readonly d: bigint;
}

export interface NaiveLine {
    readonly account: string;
    readonly agreement: string;
    readonly charge: string;
    readonly band: string | null;
    readonly from: string;
    readonly to: string;
    readonly unit: string;
    quantity: Fraction;
    /** kWh before the tariff rounds quantities; of energy only. */
    measured: Fraction | null;
    estimated: Fraction;
    /** Null where each interval has its own. */
    price: Fraction | null;
    exact: Fraction;
    amount: Fraction;
}

const NONE: Fraction = { n: 0n, d: 1n };

export function fraction(text: string): Fraction {
    const [whole = '', part = ''] = text.split('.');
    return { n: BigInt(whole + part), d: BigInt(`1${'0'.repeat(part.length)}`) };
}

export function plus(a: Fraction, b: Fraction): Fraction {
    return { n: a.n * b.d + b.n * a.d, d: a.d * b.d };
}

function times(a: Fraction, b: Fraction): Fraction {
    return { n: a.n * b.n, d: a.d * b.d };
}

function minus(a: Fraction, b: Fraction): Fraction {
    return plus(a, { n: -b.n, d: b.d });
}

/** Lowest terms as text, to compare. */
export function plain(f: Fraction): string {
    let a = f.n < 0n ? -f.n : f.n;
    let b = f.d;
    while (b !== 0n) [a, b] = [b, a % b];
    const divisor = a === 0n ? 1n : a;
    return `${f.n / divisor}/${f.d / divisor}`;
}

/** Floor of the doubled value decides: below half, above half, or a tie. */
export function roundFraction(f: Fraction, digits: number, mode: 'half-even' | 'half-up'): Fraction {
    const unit = BigInt(`1${'0'.repeat(digits)}`);
    const isNegative = f.n < 0n;
    const n = (isNegative ? -f.n : f.n) * unit;
    let whole = n / f.d;
    const rest2 = (n - whole * f.d) * 2n;
    if (rest2 > f.d || (rest2 === f.d && (mode === 'half-up' || whole % 2n === 1n))) whole += 1n;
    return { n: isNegative ? -whole : whole, d: unit };
}

interface Local {
    readonly date: string;
    readonly minute: number;
}

const formats = new Map<string, Intl.DateTimeFormat>();
const locals = new Map<string, Local>();

export function localOf(zone: string, at: number): Local {
    const key = `${zone} ${at}`;
    const known = locals.get(key);
    if (known) return known;
    const format =
        formats.get(zone) ??
        new Intl.DateTimeFormat('sv-SE', {
            timeZone: zone,
            dateStyle: 'short',
            timeStyle: 'short',
            hourCycle: 'h23',
        });
    formats.set(zone, format);
    const text = format.format(at);
    const local = {
        date: text.slice(0, 10),
        minute: Number(text.slice(11, 13)) * 60 + Number(text.slice(14, 16)),
    };
    locals.set(key, local);
    return local;
}

interface Piece {
    readonly agreement: RatingAgreement;
    readonly version: RatingTariffVersion;
    from: string;
    to: string;
}

function nextDate(date: string): string {
    const d = new Date(`${date}T12:00:00Z`);
    d.setUTCDate(d.getUTCDate() + 1);
    return d.toISOString().slice(0, 10);
}

function holds(row: { validFrom: string | null; validTo: string | null }, date: string): boolean {
    return (
        !(row.validFrom !== null && date < row.validFrom) && !(row.validTo !== null && date >= row.validTo)
    );
}

function piecesOf(inputs: BillingInputs, meteringPointId: string): Piece[] {
    const pieces: Piece[] = [];
    for (let date: string = inputs.period.from; date < inputs.period.to; date = nextDate(date)) {
        const agreement = inputs.dimensions.agreements.find(
            (a) => a.meteringPointId === meteringPointId && holds(a, date),
        );
        if (!agreement) continue;
        const version = inputs.dimensions.tariffVersions.find(
            (v) => v.tariffNo === agreement.tariffNo && holds(v, date),
        );
        if (!version) throw new Error(`no version on ${date}`);
        const last = pieces.at(-1);
        const isSame =
            last?.to === date &&
            last.version === version &&
            last.agreement.agreementNo === agreement.agreementNo &&
            last.agreement.accountId === agreement.accountId;
        if (last && isSame) last.to = nextDate(date);
        else pieces.push({ agreement, version, from: date, to: nextDate(date) });
    }
    return pieces;
}

function bandFor(
    inputs: BillingInputs,
    charge: Charge,
    at: number,
): { band: string | null; price: Fraction } {
    const local = localOf(inputs.zone.name, at);
    if (charge.kind === 'energy-flat') return { band: null, price: fraction(charge.pricePerKwh) };
    if (charge.kind === 'energy-bands') {
        const calendar = inputs.dimensions.calendarVersions.find(
            (c) => c.calendarId === charge.calendarId && holds(c, local.date),
        );
        const isHoliday = inputs.dimensions.holidays.some(
            (h) => h.holidaySet === calendar?.definition.holidaySet && h.date === local.date,
        );
        const weekday = new Date(`${local.date}T12:00:00Z`).getUTCDay() || 7;
        for (const rule of calendar?.definition.rules ?? []) {
            if (rule.weekdays && !rule.weekdays.includes(weekday)) continue;
            if (rule.months && !rule.months.includes(Number(local.date.slice(5, 7)))) continue;
            if (rule.holiday !== undefined && rule.holiday !== isHoliday) continue;
            const clock = `${String(Math.floor(local.minute / 60)).padStart(2, '0')}:${String(local.minute % 60).padStart(2, '0')}`;
            const isIn =
                rule.localTimes?.some(({ from, to }) =>
                    from < to ? from <= clock && clock < to : clock >= from || clock < to,
                ) ?? true;
            if (isIn) return { band: rule.band, price: fraction(charge.pricePerKwhByBand[rule.band] ?? 'x') };
        }
        throw new Error('no band');
    }
    if (charge.kind !== 'energy-series') throw new Error('not energy');
    const series = inputs.dimensions.priceSeries.find((s) => s.seriesId === charge.seriesId);
    const lengthMs = (series?.intervalMinutes ?? 0) * 60_000;
    const value = series?.values.find((v) => v.periodFrom <= at && at < v.periodFrom + lengthMs);
    if (!value) throw new Error('no value');
    if (value.price !== null)
        return { band: null, price: times(fraction(value.price), fraction(charge.priceFactor ?? '1')) };
    return { band: value.band, price: fraction(charge.pricePerKwhByBand?.[value.band ?? ''] ?? 'x') };
}

interface OpenLine extends NaiveLine {
    readonly source: Charge;
    readonly tariff: string;
    readonly structure: TariffStructure;
    byInterval: Fraction;
    roundedByInterval: Fraction;
}

/** Every line of every bill of the period, in no particular order. */
export function naiveLines(inputs: BillingInputs, readings: readonly NaiveReading[]): NaiveLine[] {
    const points = [...new Set(inputs.dimensions.agreements.map((a) => a.meteringPointId))];
    const lines = points.flatMap((point) => {
        const channels = new Set(
            inputs.channels
                .filter((c) => c.meteringPointId === point && c.flow === 'to_customer')
                .map((c) => c.channelNo),
        );
        const own = readings.filter((r) => channels.has(r.channelNo));
        return piecesOf(inputs, point).flatMap((piece) => pieceLines(inputs, piece, own));
    });
    for (const group of Map.groupBy(lines, (l) =>
        JSON.stringify([l.account, l.tariff, l.charge, l.source.rounding]),
    ).values()) {
        roundGroup(group);
    }
    return [...lines, ...taxes(lines, inputs.currency)];
}

function pieceLines(inputs: BillingInputs, piece: Piece, readings: readonly NaiveReading[]): OpenLine[] {
    const lines = new Map<string, OpenLine>();
    const open = (charge: Charge, band: string | null): OpenLine => {
        const key = JSON.stringify([charge.id, band]);
        const line = lines.get(key) ?? {
            account: piece.agreement.accountId,
            agreement: piece.agreement.agreementId,
            charge: charge.id,
            band,
            from: piece.from,
            to: piece.to,
            unit: charge.kind === 'subscription' ? 'day' : 'kWh',
            quantity: NONE,
            measured: charge.kind === 'subscription' ? null : NONE,
            estimated: NONE,
            price: null,
            exact: NONE,
            amount: NONE,
            source: charge,
            tariff: piece.version.tariffId,
            structure: piece.version.structure,
            byInterval: NONE,
            roundedByInterval: NONE,
        };
        lines.set(key, line);
        return line;
    };
    for (const charge of piece.version.structure.charges) {
        if (charge.kind !== 'subscription') continue;
        const line = open(charge, null);
        for (let date = piece.from; date < piece.to; date = nextDate(date))
            line.quantity = plus(line.quantity, fraction('1'));
        line.price = fraction(charge.pricePerDay);
    }
    for (const reading of readings) {
        const { date } = localOf(inputs.zone.name, reading.from);
        if (date < piece.from || date >= piece.to) continue;
        const kwh = { n: reading.micro, d: 1_000_000n };
        for (const charge of piece.version.structure.charges) {
            if (charge.kind === 'subscription') continue;
            const { band, price } = bandFor(inputs, charge, reading.from);
            const line = open(charge, band);
            line.quantity = plusMicro(line.quantity, reading.micro);
            if (reading.isEstimated) line.estimated = plusMicro(line.estimated, reading.micro);
            else line.measured = plusMicro(line.measured ?? NONE, reading.micro);
            const isSeries = charge.kind === 'energy-series' && !charge.pricePerKwhByBand;
            line.price = isSeries ? null : price;
            if (isSeries || charge.rounding.scope === 'interval') {
                const amount = times(kwh, price);
                line.byInterval = lowest(plus(line.byInterval, amount));
                line.roundedByInterval = lowest(
                    plus(
                        line.roundedByInterval,
                        roundFraction(amount, charge.rounding.amountDigits, charge.rounding.mode),
                    ),
                );
            }
        }
    }
    return [...lines.values()];
}

/** Of a sum of millionths: its denominator stays, as there are many. */
function plusMicro({ n, d }: Fraction, micro: bigint): Fraction {
    return { n: n * (1_000_000n / d) + micro, d: 1_000_000n };
}

function lowest(f: Fraction): Fraction {
    const [n = '0', d = '1'] = plain(f).split('/');
    return { n: BigInt(n), d: BigInt(d) };
}

function roundGroup(group: OpenLine[]): void {
    group.sort(
        (a, b) =>
            order(a.agreement, b.agreement) || order(a.from, b.from) || order(a.band ?? '', b.band ?? ''),
    );
    const { mode, quantityDigits, amountDigits, scope } = group[0]?.source.rounding ?? fail();
    let quantitySoFar = NONE;
    let exactSoFar = NONE;
    for (const line of group) {
        if (quantityDigits !== undefined) {
            const next = plus(quantitySoFar, line.quantity);
            line.quantity =
                scope === 'bill'
                    ? minus(
                          roundFraction(next, quantityDigits, mode),
                          roundFraction(quantitySoFar, quantityDigits, mode),
                      )
                    : roundFraction(line.quantity, quantityDigits, mode);
            quantitySoFar = next;
        }
        line.exact = line.price === null ? line.byInterval : times(line.quantity, line.price);
        const next = plus(exactSoFar, line.exact);
        if (scope === 'bill')
            line.amount = minus(
                roundFraction(next, amountDigits, mode),
                roundFraction(exactSoFar, amountDigits, mode),
            );
        else if (scope === 'interval' && line.source.kind !== 'subscription')
            line.amount = line.roundedByInterval;
        else line.amount = roundFraction(line.exact, amountDigits, mode);
        exactSoFar = next;
    }
}

function taxes(lines: readonly OpenLine[], currency: string): NaiveLine[] {
    const pairs = lines.flatMap((line) =>
        line.structure.taxes.filter((t) => t.group === line.source.group).map((tax) => ({ tax, line })),
    );
    const groups = Map.groupBy(pairs, ({ tax, line }) =>
        JSON.stringify([
            line.account,
            line.agreement,
            line.tariff,
            tax.id,
            tax.group,
            tax.percent,
            tax.rounding,
        ]),
    );
    return [...groups.values()].map((group) => {
        const { tax, line } = group[0] ?? fail();
        const taxed = group.map((g) => g.line.amount).reduce(plus, NONE);
        const exact = times(taxed, times(fraction(tax.percent), { n: 1n, d: 100n }));
        const froms = group.map((g) => g.line.from).sort();
        const tos = group.map((g) => g.line.to).sort();
        return {
            account: line.account,
            agreement: line.agreement,
            charge: tax.id,
            band: null,
            from: froms[0] ?? '',
            to: tos.at(-1) ?? '',
            unit: currency,
            quantity: taxed,
            measured: null,
            estimated: NONE,
            price: fraction(tax.percent),
            exact,
            amount: roundFraction(exact, tax.rounding.amountDigits, tax.rounding.mode),
        };
    });
}

function order(a: string, b: string): number {
    return a === b ? 0 : a < b ? -1 : 1;
}

function fail(): never {
    throw new Error('an empty group');
}
