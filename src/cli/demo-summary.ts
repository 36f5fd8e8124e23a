import { readFileSync } from 'node:fs';
import path from 'node:path';
import { listBills, loadBill } from '../billing/bill-queries.ts';
import { renderBillText } from '../billing/bill-text.ts';
import { monthPeriod } from '../kernel/calendar-date.ts';
import { withPublishedViews } from '../pipeline/published-views.ts';
import { type HomeStatus, readStatus } from '../pipeline/status.ts';
import { count, tableText } from './output.ts';
import type { Workspace } from './workspace.ts';

export interface SummaryOptions {
    readonly months: readonly string[];
    readonly folder: string;
    readonly seconds: number;
}

/** What a person can check by hand after a demo: counts that add up, energy by region, bills. */
export async function demoSummary(
    workspace: Workspace,
    options: SummaryOptions,
): Promise<{ value: object; text: string[] }> {
    const status = await readStatus(workspace.lake);
    const regions = await energyByRegion(workspace);
    const month = options.months.at(-1) ?? '';
    const largest = (await listBills(workspace.db, { period: monthPeriod(month), order: 'amount' })).slice(
        0,
        10,
    );
    const shown = largest[0] === undefined ? undefined : await loadBill(workspace.db, largest[0].billId);
    const truth = JSON.parse(
        readFileSync(path.join(options.folder, 'simulated', 'truth', 'totals.json'), 'utf8'),
    );
    return {
        value: {
            status,
            energyByRegion: regions,
            largestBills: largest,
            bill: shown ?? null,
            seconds: options.seconds,
            truth,
        },
        text: [
            '',
            ...accountOf(status),
            '',
            'Energy by region, kWh',
            ...tableText(
                ['region', 'kWh', 'meters'],
                regions.map((r) => [r.region, r.kwh, count(Number(r.meters))]),
            ),
            '',
            `Ten largest bills of ${month}`,
            ...tableText(
                ['bill', 'account', 'kWh', 'due', '', 'complete'],
                largest.map((b) => [
                    b.billId,
                    b.accountId,
                    b.energyKwh,
                    b.amountDue,
                    b.currency,
                    b.isComplete ? 'yes' : 'no',
                ]),
            ),
            '',
            ...(shown ? [renderBillText(shown)] : []),
            '',
            ...whereAndNext(workspace, options, largest[0]?.billId ?? 'ID'),
        ],
    };
}

async function energyByRegion(
    workspace: Workspace,
): Promise<{ region: string; kwh: string; meters: number }[]> {
    return withPublishedViews(workspace, { showsIdentity: false }, async (session) => {
        const rows = await session.rows(
            `select coalesce(a.value, 'none') as region, cast(sum(r.kwh) as varchar) as kwh, count(distinct r.meter_id) as meters
               from reads_interval as r left join metering_point_attributes as a
                 on a.metering_point_id = r.metering_point_id and a.attribute = 'region'
                and r.market_day >= a.valid_from and (a.valid_to is null or r.market_day < a.valid_to)
              where r.flow = 'to_customer' group by 1 order by 1`,
        );
        return rows.map((row) => ({
            region: String(row.region),
            kwh: String(row.kwh),
            meters: Number(row.meters),
        }));
    });
}

function accountOf(s: HomeStatus): string[] {
    const coverage =
        s.intervalsExpected === 0
            ? 0
            : ((s.intervalsMeasured + s.intervalsEstimated) / s.intervalsExpected) * 100;
    const line = (label: string, n: number, remark = '') =>
        `${label.padEnd(34)}${count(n).padStart(12)}${remark === '' ? '' : `  ${remark}`}`;
    return [
        'What became of every row',
        line('files received', s.payloadsReceived, `${count(s.payloadsRefused)} refused whole`),
        line('rows received', s.rowsReceived, '= the next three'),
        line('  accepted as versions', s.rowsReceived - s.rowsQuarantined - s.rowsWaiting),
        line('  quarantined', s.rowsQuarantined),
        ...Object.entries(s.quarantinedByRule).map(([rule, n]) => line(`    ${rule}`, n)),
        line('  waiting for master data', s.rowsWaiting),
        line('versions', s.versions, '= the next six'),
        line('  winning (published)', s.winning),
        line('  superseded', s.superseded),
        line('  withdrawn', s.withdrawn),
        line('  duplicates', s.duplicates),
        line('  duplicates of a superseded one', s.duplicatesOfSuperseded),
        line("  outside the meter's validity", s.outsideValidity),
        line('intervals expected', s.intervalsExpected, `coverage ${coverage.toFixed(3)} %`),
        line('  measured', s.intervalsMeasured),
        line('  estimated by the source', s.intervalsEstimated),
        line('  missing', s.intervalsMissing),
    ];
}

function whereAndNext(workspace: Workspace, options: SummaryOptions, billId: string): string[] {
    const home = path.relative(process.cwd(), workspace.home.folder) || '.';
    return [
        `Done in ${options.seconds} s. Everything lies in ${options.folder}:`,
        '  simulated/   master data, delivered files and the truth that the chain can be compared with',
        '  home/raw     every byte received     home/lake   readings as Parquet     home/database   state and bills',
        '',
        'Next',
        `  npx gridtally bill show ${billId} --home ${home}`,
        `  npx gridtally sql "select * from reads_daily order by day, meter_id limit 10" --home ${home}`,
        `  npx gridtally sql "select rule_ids, original_text from quarantined_rows limit 10" --home ${home}`,
        `  npx gridtally status --home ${home}`,
        '  npm start -- --fresh     makes the town anew',
    ];
}
