import path from 'node:path';
import type { Command } from 'commander';
import {
    type AccountsWithoutBill,
    accountsWithoutBill,
    NAMED_ACCOUNTS_MAX,
    withoutBillText,
} from '../billing/accounts-without-bill.ts';
import { type ExportFormat, exportBills, exportFileName } from '../billing/bill-export.ts';
import { type BillFilter, type BillSummary, listBills, loadBill } from '../billing/bill-queries.ts';
import { renderBillText } from '../billing/bill-text.ts';
import type { UnratedAccount } from '../billing/rating-faults.ts';
import { type DatePeriod, monthPeriod } from '../kernel/calendar-date.ts';
import { count, counted, namedFirst } from '../kernel/counted.ts';
import { decimal, formatDecimal, sumDecimals } from '../kernel/decimal.ts';
import { DurableFile, makeFolderDurably } from '../kernel/durable.ts';
import { GridtallyError } from '../kernel/errors.ts';
import { instantText } from '../kernel/period.ts';
import { draftPeriod, type PeriodDraft } from '../pipeline/draft-period.ts';
import { unparsedFeeds } from '../pipeline/refused-feeds.ts';
import type { Database } from '../store/database.ts';
import { type CommonOptions, command, month, withWorkspace } from './command-context.ts';
import { type Output, tableText } from './output.ts';
import { unparsedText } from './unparsed-text.ts';

interface BillOptions extends CommonOptions {
    readonly period?: string;
}

interface ExportOptions extends BillOptions {
    readonly format: string;
    readonly out?: string;
}

export function addBillCommands(program: Command): void {
    const bill = command(program, 'bill', 'draft the bills of a month for all agreements active in it')
        .option('--period <month>', 'month, such as 2013-05', month)
        .action(draftCommand);
    command(bill, 'show <id>', 'one bill as text, or in full with --json').action(showCommand);
    command(bill, 'list', 'bills with their totals')
        .option('--period <month>', 'only of this month', month)
        .action(listCommand);
    const exported = program.command('export').description('write tables for other programs');
    command(exported, 'bills', 'bills and their lines')
        .option('--period <month>', 'only of this month', month)
        .option('--format <name>', 'csv or ndjson', 'csv')
        .option('--out <folder>', 'write files there; without it the bills go to stdout')
        .action(exportCommand);
}

async function draftCommand(_options: BillOptions, self: Command): Promise<void> {
    const options = self.opts<BillOptions>();
    if (options.period === undefined) {
        throw new GridtallyError('usage.invalid', 'bill needs --period, such as --period 2013-05');
    }
    const period = monthPeriod(options.period);
    await withWorkspace(options, async (workspace, output) => {
        output.progress(`drafting ${options.period}`);
        // before: what another process parses meanwhile may be in no bill
        const unparsed = await unparsedFeeds(workspace);
        const result = await draftPeriod(workspace, period);
        const { currency } = workspace.home;
        output.result({ period: options.period, currency, ...result, unparsed }, [
            `${options.period}: ${counted(result.drafted, 'bill')} drafted, ${count(result.replaced)} replaced, ${count(result.unchanged)} as before, ${count(result.removed)} removed`,
            ...(result.sealed > 0
                ? [`${counted(result.sealed, 'account')} left alone, because of a sealed bill`]
                : []),
            `${count(result.incomplete)} incomplete${result.held > 0 ? `, ${count(result.held)} held` : ''}; total due ${result.totalDue} ${currency}`,
        ]);
        for (const line of draftWarnings(options.period ?? '', period, result)) output.notice(line);
        for (const line of unparsedText(unparsed)) output.notice(line);
        for (const line of unratedLines(result.unrated)) output.notice(line);
        if (result.unrated.length > 0) process.exitCode = 1;
    });
}

const LISTED_FAULTS_MAX = 50;

/** Accounts without a bill, by what keeps them from having one; first what concerns most. */
export function unratedLines(unrated: readonly UnratedAccount[]): string[] {
    if (unrated.length === 0) return [];
    const told = unrated.flatMap(({ accountId, faults }) => faults.map((fault) => ({ fault, accountId })));
    const accountsOf = Map.groupBy(told, ({ fault }) => fault);
    const byWeight = [...accountsOf].sort(([, a], [, b]) => b.length - a.length);
    const lines = byWeight.slice(0, LISTED_FAULTS_MAX).map(([fault, accounts]) => {
        const ids = accounts.slice(0, NAMED_ACCOUNTS_MAX).map(({ accountId }) => accountId);
        return `  ${fault} (${accounts.length === 1 ? 'account' : 'accounts'} ${namedFirst(ids, accounts.length)})`;
    });
    const left = accountsOf.size - lines.length;
    return [
        `error: ${counted(unrated.length, 'account')} ${unrated.length === 1 ? 'has' : 'have'} no bill, because of faults in master data:`,
        ...lines,
        ...(left > 0 ? [`  and ${counted(left, 'other fault')}`] : []),
        'Load what is missing, or correct the agreements, metering points, tariffs, calendars or price series named, then run this again.',
    ];
}

/** Why the bills may not be what is expected of them. */
function draftWarnings(month: string, { from }: DatePeriod, draft: PeriodDraft): string[] {
    const { stalePartitions: stale, newestMarketDay: newest } = draft;
    const lines: string[] = [];
    if (stale > 0)
        lines.push(
            `warning: ${counted(stale, 'partition')} of ${month} ${stale === 1 ? 'awaits' : 'await'} a refresh, and the bills lack what is new in ${stale === 1 ? 'it' : 'them'}: run \`gridtally refresh\`, then this again`,
        );
    if (newest === null || newest < from)
        lines.push(
            `warning: no reading reaches into ${month}${newest === null ? '' : `: the newest is of ${newest}`}`,
        );
    return lines;
}

async function showCommand(billId: string, _options: CommonOptions, self: Command): Promise<void> {
    await withWorkspace(merged(self), async ({ db }, output) => {
        const bill = await loadBill(db, billId);
        output.result({ ...bill, draftedAt: instantText(bill.draftedAt) }, renderBillText(bill));
    });
}

async function listCommand(_options: BillOptions, self: Command): Promise<void> {
    const options = merged<BillOptions>(self);
    await withWorkspace(options, async ({ db }, output) => {
        const filter = options.period === undefined ? {} : { period: monthPeriod(options.period) };
        const bills = await listBills(db, filter);
        output.result(bills, billTable(bills));
        tellWithoutBill(output, await accountsWithoutBill(db, filter));
    });
}

/** On stderr, with `--json` too: what goes to stdout are bills and nothing else. */
function tellWithoutBill(output: Output, months: readonly AccountsWithoutBill[]): void {
    for (const month of months) output.notice(`warning: ${withoutBillText(month)}`);
}

/** With a last line that sums: a home has one currency. */
function billTable(bills: readonly BillSummary[]): string[] {
    const sum = (of: (bill: BillSummary) => string) =>
        formatDecimal(sumDecimals(bills.map((bill) => decimal(of(bill)))));
    const incomplete = bills.filter((bill) => !bill.isComplete).length;
    const rows = bills.map((b) => [
        b.billId,
        b.accountId,
        b.periodFrom,
        b.periodTo,
        b.state,
        b.isComplete ? 'yes' : 'no',
        b.energyKwh,
        b.amountDue,
        b.currency,
    ]);
    const total = [
        counted(bills.length, 'bill'),
        ...['', '', '', ''],
        incomplete === 0 ? 'all' : `${count(incomplete)} not`,
        sum((b) => b.energyKwh),
        sum((b) => b.amountDue),
        bills[0]?.currency ?? '',
    ];
    const columns = ['bill', 'account', 'from', 'to', 'state', 'complete', 'kWh', 'due', ''];
    return tableText(columns, bills.length === 0 ? [] : [...rows, total]);
}

/** Options given to `bill` itself (such as --home before the subcommand) count for its subcommands too. */
function merged<T extends CommonOptions>(self: Command): T {
    return self.optsWithGlobals<T>();
}

async function exportCommand(_options: ExportOptions, self: Command): Promise<void> {
    const options = merged<ExportOptions>(self);
    if (options.json && options.out === undefined && self.getOptionValueSource('format') === 'cli') {
        const message =
            'with --json the bills on stdout are one JSON document: leave out --format, or --json';
        throw new GridtallyError('usage.invalid', message);
    }
    if (options.format !== 'csv' && options.format !== 'ndjson') {
        throw new GridtallyError('usage.invalid', `--format is csv or ndjson, not ${options.format}`);
    }
    const format: ExportFormat = options.format;
    await withWorkspace(options, async ({ db }, output) => {
        const period = options.period === undefined ? undefined : monthPeriod(options.period);
        const filter = period === undefined ? {} : { period };
        const withoutBill = await accountsWithoutBill(db, filter);
        if (options.out !== undefined) {
            const files = await exportFiles(db, { folder: path.resolve(options.out), format, filter });
            output.result(
                { files, withoutBill },
                files.map((f) => `wrote ${f}`),
            );
        } else if (output.isJson) {
            const exported = await collected(exportBills(db, { table: 'bills', format: 'ndjson', filter }));
            const lines = exported.split('\n').filter((line) => line !== '');
            output.result(
                lines.map((line) => JSON.parse(line)),
                [],
            );
        } else {
            for await (const text of exportBills(db, { table: 'bills', format, filter }))
                if (!(await isRead(text))) return;
        }
        tellWithoutBill(output, withoutBill);
    });
}

/** Bills and their lines, a file each; gives the files. */
async function exportFiles(
    db: Pick<Database, 'query'>,
    into: { readonly folder: string; readonly format: ExportFormat; readonly filter: BillFilter },
): Promise<string[]> {
    const { folder, format, filter } = into;
    await makeFolderDurably(folder);
    const files: string[] = [];
    for (const table of ['bills', 'bill_lines'] as const) {
        const file = await DurableFile.create(folder, { label: table });
        for await (const text of exportBills(db, { table, format, filter }))
            await file.append(Buffer.from(text));
        const target = path.join(folder, exportFileName(table, format, filter.period));
        await file.publish(target);
        files.push(target);
    }
    return files;
}

/** Writes to stdout; false where nobody reads it any more. */
function isRead(text: string): Promise<boolean> {
    return new Promise((resolve) => process.stdout.write(text, (error) => resolve(!error)));
}

async function collected(texts: AsyncIterable<string>): Promise<string> {
    let all = '';
    for await (const text of texts) all += text;
    return all;
}
