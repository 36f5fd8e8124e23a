import type { Tax } from '../contracts/tariff-structure.ts';
import type { CalendarDate } from '../kernel/calendar-date.ts';
import { type Decimal, decimal, decimalOf, multiply, roundTo, sumDecimals } from '../kernel/decimal.ts';
import type { PricedLine } from './charge-lines.ts';

export interface TaxLine {
    readonly tax: Tax;
    readonly tariffId: string;
    readonly serviceFrom: CalendarDate;
    readonly serviceTo: CalendarDate;
    /** Sum of the rounded lines of the tax's group. */
    readonly taxedAmount: Decimal;
    readonly percent: Decimal;
    readonly amountExact: Decimal;
    readonly amount: Decimal;
}

const PER_CENT = decimalOf(1n, 2);

/**
 * Taxes of one section, in order of first appearance. Tariff versions that agree in everything about a tax share a line;
 * a version that changes the rate begins a new one.
 */
export function taxLinesOf(lines: readonly PricedLine[]): TaxLine[] {
    const taxed = lines.flatMap((line) =>
        line.segment.version.structure.taxes
            .filter((tax) => tax.group === line.charge.group)
            .map((tax) => ({
                tax,
                line,
                key: JSON.stringify([
                    line.segment.version.tariffId,
                    tax.id,
                    tax.label,
                    tax.group,
                    tax.percent,
                    tax.rounding.mode,
                    tax.rounding.amountDigits,
                ]),
            })),
    );
    return [...Map.groupBy(taxed, ({ key }) => key).values()].flatMap((group) => {
        const first = group[0];
        if (!first) return [];
        const segments = group.map(({ line }) => line.segment);
        const taxedAmount = sumDecimals(group.map(({ line }) => line.amount));
        const percent = decimal(first.tax.percent);
        const amountExact = multiply(multiply(taxedAmount, percent), PER_CENT);
        return {
            tax: first.tax,
            tariffId: first.line.segment.version.tariffId,
            serviceFrom: segments.map(({ from }) => from).sort()[0] ?? first.line.segment.from,
            serviceTo:
                segments
                    .map(({ to }) => to)
                    .sort()
                    .at(-1) ?? first.line.segment.to,
            taxedAmount,
            percent,
            amountExact,
            amount: roundTo(amountExact, first.tax.rounding.amountDigits, first.tax.rounding.mode),
        };
    });
}
