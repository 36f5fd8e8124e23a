import { type Decimal, formatDecimal } from '../kernel/decimal.ts';

// to make a format takes longer than to write a bill
const DIGITS = new Map<string, number>();

/** A sum of money with the decimals that its currency is written with (ISO 4217: none for JPY, three for KWD), and more where it has more. */
export function totalText(amount: Decimal, currency: string): string {
    let minScale = DIGITS.get(currency);
    if (minScale === undefined) {
        const format = new Intl.NumberFormat('en', { style: 'currency', currency });
        minScale = format.resolvedOptions().minimumFractionDigits ?? 2;
        DIGITS.set(currency, minScale);
    }
    return formatDecimal(amount, { minScale });
}
