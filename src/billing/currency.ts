import { type Decimal, formatDecimal } from '../kernel/decimal.ts';

// Minor units by ISO 4217, where they are not two. Not those of `Intl`: they are of the Unicode tables of the Node that runs, which write
// Hungarian, Colombian and Pakistani money, among others, without decimals because its coins are out of use, and change from one to the next.
const MINOR_UNITS: ReadonlyMap<string, number> = new Map([
    ...codesOf(0, 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'),
    ...codesOf(3, 'BHD IQD JOD KWD LYD OMR TND'),
    ...codesOf(4, 'CLF UYW'),
]);

function codesOf(minorUnits: number, codes: string): [string, number][] {
    return codes.split(' ').map((code) => [code, minorUnits]);
}

/** A sum of money with as many decimals as its currency has by ISO 4217 (none for JPY, three for KWD), and more where it has more. */
export function totalText(amount: Decimal, currency: string): string {
    return formatDecimal(amount, { minScale: MINOR_UNITS.get(currency) ?? 2 });
}
