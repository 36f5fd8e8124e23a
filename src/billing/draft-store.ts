import type { DatePeriod } from '../kernel/calendar-date.ts';
import { crashPoint } from '../kernel/faults.ts';
import { canonicalJson, sha256Hex } from '../kernel/hash.ts';
import { instantText } from '../kernel/period.ts';
import type { CopyValue, Database, Transaction } from '../store/database.ts';
import type { RatedBill } from './bill-document.ts';
import type { DraftingContext } from './draft-bills.ts';
import { documentText } from './rate-bills.ts';

export interface WrittenDrafts {
    readonly drafted: number;
    readonly unchanged: number;
    readonly replaced: number;
    readonly sealedAccountNos: ReadonlySet<number>;
}

interface StandingBill {
    readonly billNo: number;
    readonly accountNo: number;
    readonly state: 'draft' | 'sealed';
    readonly isSamePeriod: boolean;
    readonly contentSha256: string;
}

/** Keeps what a run is made from; gives the hash by which its bills name it. */
export async function keepInputs(db: Database, inputs: Readonly<Record<string, unknown>>): Promise<string> {
    const text = canonicalJson(inputs);
    const inputsSha256 = sha256Hex(text);
    await db.query(
        `insert into bill_inputs (inputs_sha256, inputs, kept_at) values ($1, $2, now())
         on conflict (inputs_sha256) do update set kept_at = excluded.kept_at`,
        [inputsSha256, text],
    );
    return inputsSha256;
}

/** Forgets the inputs of which no bill is left; those of the last day stay, as a run that lost its lock may still name them. */
export async function removeUnusedInputs(db: Database): Promise<void> {
    await db.query(
        `delete from bill_inputs i where i.kept_at < now() - interval '1 day'
            and not exists (select from bills b where b.inputs_sha256 = i.inputs_sha256)`,
    );
}

/** Brings the drafts of some accounts up to date in one transaction: readers see all of it or nothing. */
export async function writeDrafts(
    { db, clock }: Pick<DraftingContext, 'db' | 'clock'>,
    period: DatePeriod,
    inputsSha256: string,
    bills: readonly RatedBill[],
): Promise<WrittenDrafts> {
    const hashed = bills.map((bill) => {
        const text = documentText(bill.document);
        return { bill, text, contentSha256: sha256Hex(text) };
    });
    return db.transaction(async (tx) => {
        const standing = await standingBills(tx, period, bills);
        const sealedAccountNos = new Set(
            standing.filter((b) => b.state === 'sealed').map((b) => b.accountNo),
        );
        const drafts = new Map(
            standing.filter((b) => b.state === 'draft' && b.isSamePeriod).map((b) => [b.accountNo, b]),
        );
        const open = hashed.filter(({ bill }) => !sealedAccountNos.has(bill.accountNo));
        const changed = open.filter(
            ({ bill, contentSha256 }) => drafts.get(bill.accountNo)?.contentSha256 !== contentSha256,
        );
        const old = changed.flatMap(({ bill }) => drafts.get(bill.accountNo)?.billNo ?? []);
        if (old.length > 0) await tx.query('delete from bills where bill_no = any ($1)', [old]);
        if (changed.length > 0)
            await insertDrafts(tx, changed, { inputsSha256, draftedAt: instantText(clock.now()) });
        crashPoint('draft');
        return {
            drafted: changed.length - old.length,
            unchanged: open.length - changed.length,
            replaced: old.length,
            sealedAccountNos,
        };
    });
}

/** Deletes drafts of exactly this period whose account is not among the active ones; gives their number. */
export async function removeDraftsOfOthers(
    db: Database,
    period: DatePeriod,
    accountIds: readonly string[],
): Promise<number> {
    return db.transaction(async (tx) => {
        const removed = await tx.query(
            `delete from bills b using accounts a
              where a.account_no = b.account_no and b.state = 'draft' and b.period_from = $1 and b.period_to = $2
                and not a.account_id = any ($3)
              returning b.bill_no`,
            [period.from, period.to, accountIds],
        );
        crashPoint('draft');
        return removed.length;
    });
}

/** Those of the accounts that have a sealed bill of a part of the period, by their ids. */
export async function sealedAmong(
    db: Database,
    period: DatePeriod,
    accountIds: readonly string[],
): Promise<ReadonlySet<string>> {
    if (accountIds.length === 0) return new Set();
    const rows = await db.query<{ accountId: string }>(
        `select distinct a.account_id as "accountId" from bills b join accounts a using (account_no)
          where b.state = 'sealed' and b.period_from < $2 and b.period_to > $1 and a.account_id = any ($3)`,
        [period.from, period.to, accountIds],
    );
    return new Set(rows.map(({ accountId }) => accountId));
}

async function standingBills(
    tx: Transaction,
    period: DatePeriod,
    bills: readonly RatedBill[],
): Promise<StandingBill[]> {
    return tx.query<StandingBill>(
        `select bill_no as "billNo", account_no as "accountNo", state, content_sha256 as "contentSha256",
                period_from = $1 and period_to = $2 as "isSamePeriod"
           from bills
          where account_no = any ($3) and period_from < $2 and period_to > $1`,
        [period.from, period.to, bills.map((bill) => bill.accountNo)],
    );
}

interface HashedBill {
    readonly bill: RatedBill;
    readonly text: string;
    readonly contentSha256: string;
}

/** What all rows of a run have. */
interface DraftingRun {
    readonly inputsSha256: string;
    readonly draftedAt: string;
}

async function insertDrafts(tx: Transaction, hashed: readonly HashedBill[], run: DraftingRun): Promise<void> {
    await tx.copyIn(
        'bills',
        BILL_COLUMNS,
        hashed.map((h) => billRow(h, run)),
    );
}

const BILL_COLUMNS = [
    'bill_id',
    'account_no',
    'period_from',
    'period_to',
    'state',
    'currency',
    'is_complete',
    'energy_kwh',
    'amount_due',
    'content_sha256',
    'document',
    'line_references',
    'tariff_version_nos',
    'inputs_sha256',
    'drafted_at',
];

function billRow(
    { bill, text, contentSha256 }: HashedBill,
    { inputsSha256, draftedAt }: DraftingRun,
): CopyValue[] {
    const { document } = bill;
    return [
        document.billId,
        bill.accountNo,
        document.periodFrom,
        document.periodTo,
        'draft',
        document.currency,
        document.isComplete,
        document.energyKwh,
        document.amountDue,
        contentSha256,
        text,
        JSON.stringify(bill.references.map((r) => [r.agreementNo, r.meteringPointNo, r.tariffVersionNo])),
        `{${bill.tariffVersionNos.join()}}`,
        inputsSha256,
        draftedAt,
    ];
}
