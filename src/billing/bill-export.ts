import type { CalendarDate } from '../kernel/calendar-date.ts';
import type { Database } from '../store/database.ts';
import type { BillDocument } from './bill-document.ts';
import { type BillFilter, type BillSummary, listBills } from './bill-queries.ts';

export type ExportFormat = 'csv' | 'ndjson';
export type ExportedTable = 'bills' | 'bill_lines';

/** Bills of one page of the export: bounds memory. */
const PAGE = 500;

const BILL_FIELDS = [
    'billId',
    'accountId',
    'periodFrom',
    'periodTo',
    'state',
    'isComplete',
    'energyKwh',
    'amountDue',
    'currency',
] as const;
const LINE_FIELDS = [
    'billId',
    'lineNo',
    'accountId',
    'agreementId',
    'meteringPointId',
    'tariffId',
    'kind',
    'charge',
    'label',
    'group',
    'band',
    'serviceFrom',
    'serviceTo',
    'quantity',
    'unit',
    'measuredKwh',
    'estimatedKwh',
    'price',
    'amountExact',
    'amount',
    'currency',
] as const;

type Row = Readonly<Record<string, string | number | boolean | null>>;

/**
 * Bills or their lines as text, page by page in the order of `listBills`; the caller writes them to a file or to stdout. CSV has a
 * header of snake_case names and quotes only where needed (RFC 4180); NDJSON has one object a line. Exact numbers are text as in the bill.
 */
export async function* exportBills(
    db: Pick<Database, 'query'>,
    options: { readonly table: ExportedTable; readonly format: ExportFormat; readonly filter?: BillFilter },
): AsyncGenerator<string> {
    const fields: readonly string[] = options.table === 'bills' ? BILL_FIELDS : LINE_FIELDS;
    if (options.format === 'csv') yield `${fields.map(snakeCase).join(',')}\n`;
    const summaries = await listBills(db, options.filter);
    for (let at = 0; at < summaries.length; at += PAGE) {
        const page = summaries.slice(at, at + PAGE);
        const rows: Row[] =
            options.table === 'bills' ? page.map((bill) => ({ ...bill })) : await lineRows(db, page);
        yield rows
            .map((row) => (options.format === 'csv' ? csvLine(row, fields) : jsonLine(row, fields)))
            .join('');
    }
}

async function lineRows(db: Pick<Database, 'query'>, page: readonly BillSummary[]): Promise<Row[]> {
    const stored = await db.query<{ billId: string; document: BillDocument }>(
        'select bill_id as "billId", document from bills where bill_id = any ($1)',
        [page.map((bill) => bill.billId)],
    );
    const documents = new Map(stored.map((bill) => [bill.billId, bill.document]));
    return page.flatMap(({ billId }) => {
        const document = documents.get(billId);
        let lineNo = 0;
        return (document?.sections ?? []).flatMap((section) =>
            section.lines.map((line) => {
                lineNo += 1;
                const { agreementId, meteringPointId } = section;
                const { accountId, currency } = document ?? { accountId: '', currency: '' };
                return { billId, lineNo, accountId, agreementId, meteringPointId, currency, ...line };
            }),
        );
    });
}

function csvLine(row: Row, fields: readonly string[]): string {
    return `${fields.map((field) => csvField(row[field] ?? null)).join(',')}\n`;
}

function csvField(value: string | number | boolean | null): string {
    const text = value === null ? '' : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function jsonLine(row: Row, fields: readonly string[]): string {
    return `${JSON.stringify(Object.fromEntries(fields.map((field) => [snakeCase(field), row[field] ?? null])))}\n`;
}

function snakeCase(name: string): string {
    return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Name of an exported file, such as `bill_lines-2013-05-01-2013-06-01.csv`. */
export function exportFileName(
    table: ExportedTable,
    format: ExportFormat,
    period?: { from: CalendarDate; to: CalendarDate },
): string {
    return `${table}${period ? `-${period.from}-${period.to}` : ''}.${format}`;
}
