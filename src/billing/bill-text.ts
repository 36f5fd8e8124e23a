import { counted } from '../kernel/counted.ts';
import type { BillDocument, BillGap, BillLine, BillSection } from './bill-document.ts';
import type { StoredBill } from './bill-queries.ts';

const WIDTH = 80;
const LISTED_GAPS_MAX = 12;
const LISTED_DAYS_MAX = 12;
const DAYS_OF_A_ROW = 6;
/** Widths of quantity, unit, price and amount; what is left is for words. */
const COLUMNS = { quantity: 14, unit: 4, price: 12, amount: 12 };
const WORDS = WIDTH - COLUMNS.quantity - COLUMNS.unit - COLUMNS.price - COLUMNS.amount - 4;

/** A bill as text of 80 columns: every line with quantity, price and amount, then what is estimated and what is missing. */
export function renderBillText({
    document,
    state,
    contentSha256,
}: Pick<StoredBill, 'document' | 'state' | 'contentSha256'>): string {
    const lines = [
        spread(`BILL ${document.billId}`, state === 'draft' ? 'DRAFT' : 'SEALED'),
        '='.repeat(WIDTH),
        `Account    ${document.accountId}`,
        `Customer   ${document.customerId}`,
        `Period     ${document.periodFrom} until ${document.periodTo} (end exclusive, days of ${document.zone})`,
        ...document.sections.flatMap((section) => ['', ...sectionText(section, document)]),
        '',
        '='.repeat(WIDTH),
        spread(`TOTAL DUE (${document.currency})`, document.amountDue),
        spread('Energy (kWh)', document.energyKwh),
        ...(document.isComplete
            ? []
            : ['', 'INCOMPLETE: energy that is missing above is not charged in this bill.']),
        ...(document.isHeld
            ? ['', 'HELD: readings above fail rules of validation by which bills are held.']
            : []),
        '',
        `content sha256 ${contentSha256}`,
    ];
    return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

function sectionText(section: BillSection, document: BillDocument): string[] {
    return [
        `Agreement ${section.agreementId}, metering point ${section.meteringPointId}`,
        `Service ${section.serviceFrom} until ${section.serviceTo}`,
        '-'.repeat(WIDTH),
        row('', 'quantity', '', 'price', document.currency),
        ...section.lines.flatMap((line) => lineText(line)),
        '-'.repeat(WIDTH),
        row('Sum of the lines', '', '', '', section.amount),
        row('Energy', section.energyKwh, 'kWh', '', ''),
        ...(Number(section.estimatedKwh) === 0
            ? []
            : [row('  of it estimated', section.estimatedKwh, 'kWh', '', '')]),
        ...gapText(section),
        ...holdText(section),
    ];
}

function lineText(line: BillLine): string[] {
    const name = line.band === null ? line.label : `${line.label}, ${line.band}`;
    const price = line.price === null ? 'by interval' : line.kind === 'tax' ? `${line.price} %` : line.price;
    const first = row(name, line.quantity, line.unit, price, line.amount);
    const rest = name.length > WORDS ? [`  ${name.slice(WORDS)}`] : [];
    return [first, ...rest, `  ${line.serviceFrom} until ${line.serviceTo}${estimateText(line)}`];
}

function estimateText(line: BillLine): string {
    return line.estimatedKwh === null || Number(line.estimatedKwh) === 0
        ? ''
        : `, ${line.estimatedKwh} kWh estimated`;
}

function holdText(section: BillSection): string[] {
    return (section.holds ?? []).flatMap(({ ruleId, meterId, days }) => {
        const listed = days.slice(0, LISTED_DAYS_MAX);
        const more = days.length - listed.length;
        return [
            `Held: meter ${meterId} fails ${ruleId} on ${counted(days.length, 'day')}`,
            ...inRows(listed, DAYS_OF_A_ROW).map((row) => `  ${row.join(', ')}`),
            ...(more > 0 ? [`  and ${more} more`] : []),
        ];
    });
}

function inRows<T>(items: readonly T[], size: number): T[][] {
    return Array.from({ length: Math.ceil(items.length / size) }, (_, i) =>
        items.slice(i * size, (i + 1) * size),
    );
}

const GAP_WORDS: Readonly<Record<BillGap['kind'], string>> = {
    missing: 'no reading',
    'not-yet-read': 'not read yet',
    'no-meter': 'no meter installed',
};

function gapText(section: BillSection): string[] {
    if (section.missingCount === 0 && section.gaps.length === 0) return [];
    const listed = section.gaps.slice(0, LISTED_GAPS_MAX).map((gap) => {
        const count = gap.missingCount === 0 ? '' : ` (${gap.missingCount})`;
        const meter = gap.meterId === null ? '' : `, meter ${gap.meterId}`;
        return `  ${gap.periodFrom} to ${gap.periodTo} ${GAP_WORDS[gap.kind]}${count}${meter}`;
    });
    const more = section.gaps.length - listed.length;
    return [
        `Missing: ${section.missingCount} of ${section.expectedCount} intervals`,
        ...listed,
        ...(more > 0 ? [`  and ${more} more`] : []),
    ];
}

function row(words: string, quantity: string, unit: string, price: string, amount: string): string {
    return [
        words.slice(0, WORDS).padEnd(WORDS),
        quantity.padStart(COLUMNS.quantity),
        unit.padEnd(COLUMNS.unit),
        price.padStart(COLUMNS.price),
        amount.padStart(COLUMNS.amount),
    ].join(' ');
}

function spread(left: string, right: string): string {
    return left + right.padStart(Math.max(right.length + 1, WIDTH - left.length));
}
