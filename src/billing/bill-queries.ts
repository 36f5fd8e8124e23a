import type { CalendarDate, DatePeriod } from '../kernel/calendar-date.ts';
import { GridtallyError } from '../kernel/errors.ts';
import type { Transaction } from '../store/database.ts';
import { accountMissingBill, withoutBillText } from './accounts-without-bill.ts';
import type { BillDocument } from './bill-document.ts';

type Reader = Pick<Transaction, 'query'>;

export interface BillSummary {
    readonly billId: string;
    readonly accountId: string;
    readonly periodFrom: CalendarDate;
    /** First day after the period. */
    readonly periodTo: CalendarDate;
    readonly state: 'draft' | 'sealed';
    readonly isComplete: boolean;
    readonly energyKwh: string;
    readonly amountDue: string;
    readonly currency: string;
}

export interface BillFilter {
    /** Bills of exactly this period. */
    readonly period?: DatePeriod;
    readonly accountId?: string;
    /** `amount`: largest first; `id`, the default: by account and period. */
    readonly order?: 'id' | 'amount';
    readonly limit?: number;
}

const SUMMARY = `b.bill_id as "billId", a.account_id as "accountId", b.period_from as "periodFrom", b.period_to as "periodTo",
    b.state, b.is_complete as "isComplete", b.document ->> 'energyKwh' as "energyKwh",
    b.document ->> 'amountDue' as "amountDue", b.currency`;

export async function listBills(db: Reader, filter: BillFilter = {}): Promise<BillSummary[]> {
    const order = filter.order === 'amount' ? 'b.amount_due desc, ' : '';
    return db.query<BillSummary>(
        `select ${SUMMARY}
           from bills b join accounts a using (account_no)
          where ($1::date is null or b.period_from = $1) and ($2::date is null or b.period_to = $2)
            and ($3::text is null or a.account_id = $3)
          order by ${order}a.account_id collate "C", b.period_from, b.bill_id collate "C"
          limit $4`,
        [
            filter.period?.from ?? null,
            filter.period?.to ?? null,
            filter.accountId ?? null,
            filter.limit ?? null,
        ],
    );
}

/** A bill in full: the document, and what this home knows about it. */
export interface StoredBill {
    readonly document: BillDocument;
    readonly state: 'draft' | 'sealed';
    readonly contentSha256: string;
    readonly madeFrom: Readonly<Record<string, unknown>>;
    /** UTC epoch milliseconds. */
    readonly draftedAt: number;
}

/** @throws GridtallyError `billing.bill-unknown` */
export async function loadBill(db: Reader, billId: string): Promise<StoredBill> {
    const rows = await db.query<StoredBill & { tariffVersions: number[] }>(
        `select b.document, b.state, b.content_sha256 as "contentSha256", b.drafted_at as "draftedAt",
                i.inputs as "madeFrom", b.tariff_version_nos as "tariffVersions"
           from bills b left join bill_inputs i using (inputs_sha256) where b.bill_id = $1`,
        [billId],
    );
    const [row] = rows;
    if (!row) throw await unknownBill(db, billId);
    const { tariffVersions, ...bill } = row;
    return { ...bill, madeFrom: { ...bill.madeFrom, tariffVersions } };
}

async function unknownBill(db: Reader, billId: string): Promise<GridtallyError> {
    const missing = await accountMissingBill(db, billId);
    const why = missing === undefined ? '' : `; ${withoutBillText(missing)}`;
    return new GridtallyError('billing.bill-unknown', `there is no bill ${JSON.stringify(billId)}${why}`);
}
