import { type CalendarDate, type DatePeriod, monthPeriod } from '../kernel/calendar-date.ts';
import { counted, namedFirst } from '../kernel/counted.ts';
import { believedAt } from '../registry/believed-table.ts';
import type { Transaction } from '../store/database.ts';

type Reader = Pick<Transaction, 'query'>;

/** Accounts of a month that have an agreement on one of its days, and no bill of any part of it. */
export interface AccountsWithoutBill {
    /** Such as 2024-02. */
    readonly month: string;
    readonly accounts: number;
    /** The first of them by id. */
    readonly firstAccountIds: readonly string[];
}

/** So many accounts are named where more share something. */
export const NAMED_ACCOUNTS_MAX = 5;

/**
 * The month of `period`, or without it every month that has a bill, where accounts lack theirs: because faults of master data kept them
 * from being rated, or because nobody has drafted since their agreement was loaded. Which of them, only rating tells.
 */
export async function accountsWithoutBill(
    db: Reader,
    filter: { readonly period?: DatePeriod; readonly accountId?: string } = {},
): Promise<AccountsWithoutBill[]> {
    const rows = await db.query<{ monthFrom: CalendarDate; accounts: number; firstAccountIds: string[] }>(
        `with months as (
             select date_trunc('month', period_from)::date as month_from from bills where $2::date is null
             union select date_trunc('month', $2::date)::date where $2::date is not null),
         spans as (select month_from, (month_from + interval '1 month')::date as month_to from months),
         lacking as (
             select distinct s.month_from, a.account_id
               from spans s join agreement_versions v on v.valid_during && daterange(s.month_from, s.month_to)
               join accounts a using (account_no)
              where ${believedAt('v', '$1')} and ($3::text is null or a.account_id = $3)
                and not exists (select from bills b where b.account_no = v.account_no
                                   and b.period_from < s.month_to and b.period_to > s.month_from))
         select month_from as "monthFrom", count(*)::int as accounts,
                (array_agg(account_id order by account_id collate "C"))[1:$4] as "firstAccountIds"
           from lacking group by month_from order by month_from`,
        [null, filter.period?.from ?? null, filter.accountId ?? null, NAMED_ACCOUNTS_MAX],
    );
    return rows.map(({ monthFrom, ...found }) => ({ month: monthFrom.slice(0, 7), ...found }));
}

/** The same of the account and month of a bill's id; undefined: it has none to miss. */
export async function accountMissingBill(
    db: Reader,
    billId: string,
): Promise<AccountsWithoutBill | undefined> {
    const [, accountId, month] = /^B-(.+)-(\d{4}-(?:0[1-9]|1[0-2]))-\d+$/.exec(billId) ?? [];
    if (accountId === undefined || month === undefined) return undefined;
    const [missing] = await accountsWithoutBill(db, { period: monthPeriod(month), accountId });
    return missing;
}

export function withoutBillText({ month, accounts, firstAccountIds }: AccountsWithoutBill): string {
    const named = namedFirst(firstAccountIds, accounts);
    return `${counted(accounts, 'account')} with an agreement in ${month} ${accounts === 1 ? 'has' : 'have'} no bill of it (${named}): \`gridtally bill --period ${month}\` drafts it, or says why it cannot`;
}
