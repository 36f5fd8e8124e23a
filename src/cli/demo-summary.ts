import { readFileSync } from 'node:fs';
import path from 'node:path';
import { listBills, loadBill } from '../billing/bill-queries.ts';
import { renderBillText } from '../billing/bill-text.ts';
import { monthPeriod } from '../kernel/calendar-date.ts';
import { count } from '../kernel/counted.ts';
import { add, compare, type Decimal, decimal, formatDecimal, sumDecimals } from '../kernel/decimal.ts';
import { withPublishedViews } from '../pipeline/published-views.ts';
import { type HomeAccount, type HomeStatus, readAccount } from '../pipeline/status.ts';
import { tableText } from './output.ts';
import { QUARANTINE_QUERY } from './refusal-text.ts';
import type { Workspace } from './workspace.ts';

export interface SummaryOptions {
    readonly months: readonly string[];
    readonly folder: string;
    /** When the demo began; the time that it took is told with its summary in it. UTC epoch milliseconds. */
    readonly startedAt: number;
}

/** What a person can check by hand after a demo: counts that add up, energy by region, bills. */
export async function demoSummary(
    workspace: Workspace,
    options: SummaryOptions,
): Promise<{ value: object; text: string[] }> {
    const account = await readAccount(workspace.lake);
    const { status } = account;
    const regions = await energyByRegion(workspace);
    const month = options.months.at(-1) ?? '';
    const largest = await listBills(workspace.db, {
        period: monthPeriod(month),
        order: 'amount',
        limit: 10,
    });
    const shown = largest[0] === undefined ? undefined : await loadBill(workspace.db, largest[0].billId);
    const truth = JSON.parse(
        readFileSync(path.join(options.folder, 'simulated', 'truth', 'totals.json'), 'utf8'),
    );
    const seconds = Math.round((workspace.clock.now() - options.startedAt) / 1000);
    return {
        value: {
            status,
            energyByRegion: regions,
            largestBills: largest,
            bill: shown ?? null,
            seconds,
            truth,
        },
        text: [
            '',
            ...accountText(account),
            '',
            ...energyText(regions, status),
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
            ...whereAndNext(workspace, { ...options, seconds }, largest[0]?.billId ?? 'ID'),
        ],
    };
}

/** What the channels of a region measured, by the direction in which the energy went. */
interface RegionEnergy {
    readonly region: string;
    readonly toCustomerKwh: string;
    readonly fromCustomerKwh: string;
    readonly meteringPoints: number;
    readonly channels: number;
}

/** Of days: each channel's is summed before attributes are joined, and a day has one region. */
const ENERGY_BY_REGION = `
    with named as (select distinct channel_no, metering_point_id, flow from channels)
    select coalesce(a.value, 'none') as region,
        cast(coalesce(sum(d.kwh) filter (where n.flow = 'to_customer'), 0) as varchar) as to_customer,
        cast(coalesce(sum(d.kwh) filter (where n.flow = 'from_customer'), 0) as varchar) as from_customer,
        count(distinct n.metering_point_id) as points, count(distinct d.channel_no) as channels
    from reads_daily as d inner join named as n on n.channel_no = d.channel_no
    left join metering_point_attributes as a
        on a.metering_point_id = n.metering_point_id and a.attribute = 'region'
        and d.day >= coalesce(a.valid_from, date '0001-01-01') and d.day < coalesce(a.valid_to, date '9999-12-31')
    group by 1 order by 1`;

async function energyByRegion(workspace: Workspace): Promise<RegionEnergy[]> {
    return withPublishedViews(
        workspace,
        { showsIdentity: false, query: ENERGY_BY_REGION },
        async (session) => {
            const rows = await session.rows(ENERGY_BY_REGION);
            return rows.map((row) => ({
                region: String(row.region),
                toCustomerKwh: String(row.to_customer),
                fromCustomerKwh: String(row.from_customer),
                meteringPoints: Number(row.points),
                channels: Number(row.channels),
            }));
        },
    );
}

function energyText(regions: readonly RegionEnergy[], status: HomeStatus): string[] {
    const total = (of: (region: RegionEnergy) => string) =>
        sumDecimals(regions.map((region) => decimal(of(region))));
    const [toCustomer, fromCustomer] = [total((r) => r.toCustomerKwh), total((r) => r.fromCustomerKwh)];
    const both = add(toCustomer, fromCustomer);
    const isAll = compare(both, decimal(status.kwh)) === 0;
    const kwh = (sum: Decimal) => formatDecimal(sum, { minScale: 6 });
    return [
        'Energy by region, kWh: what customers took, and what their generation fed in',
        ...tableText(
            ['region', 'to customers', 'from customers', 'metering points', 'channels'],
            [
                ...regions.map((r) => [
                    r.region,
                    r.toCustomerKwh,
                    r.fromCustomerKwh,
                    count(r.meteringPoints),
                    count(r.channels),
                ]),
                ['total', kwh(toCustomer), kwh(fromCustomer), '', ''],
            ],
        ),
        `both directions: ${kwh(both)} kWh, ${isAll ? 'as' : `and not ${status.kwh} as`} gridtally status counts`,
    ];
}

/** What became of every row, each number counted by itself: rows and versions are the sums of what stands below them, whatever awaits a refresh. */
export function accountText({ status: s, awaitingDecided }: HomeAccount): string[] {
    const coverage =
        s.intervalsExpected === 0
            ? 0
            : ((s.intervalsMeasured + s.intervalsEstimated) / s.intervalsExpected) * 100;
    const line = (label: string, n: number, remark = '') =>
        `${label.padEnd(34)}${count(n).padStart(12)}${remark === '' ? '' : `  ${remark}`}`;
    const duplicates = s.duplicates + s.duplicatesOfSuperseded;
    const decided = s.winning + s.superseded + s.withdrawn + s.rejected + duplicates;
    return [
        'What became of every row',
        line('files received', s.payloadsReceived, `${count(s.payloadsRefused)} refused whole`),
        line(
            'rows received',
            s.rowsReceived,
            sumRemark(
                s.rowsReceived,
                s.versions + s.registerReads + s.rowsQuarantined + s.rowsWaiting,
                s.registerReads === 0 ? 'three' : 'four',
            ),
        ),
        line('  accepted as versions', s.versions),
        ...(s.registerReads === 0 ? [] : [line('  reads of registers', s.registerReads)]),
        line('  quarantined', s.rowsQuarantined),
        ...Object.entries(s.quarantinedByRule).map(([rule, n]) => line(`    ${rule}`, n)),
        line('  waiting for master data', s.rowsWaiting),
        line(
            'versions',
            s.versions,
            sumRemark(
                s.versions,
                decided + s.outsideValidity + s.awaitingRefresh - awaitingDecided,
                awaitingDecided === 0 ? 'eight' : 'nine',
            ),
        ),
        line('  winning (published)', s.winning),
        line('  superseded', s.superseded),
        line('  withdrawn', s.withdrawn),
        line('  rejected by a rule', s.rejected),
        line('  duplicates', s.duplicates),
        line('  duplicates of a superseded one', s.duplicatesOfSuperseded),
        line("  outside the meter's validity", s.outsideValidity),
        line('  awaiting a refresh', s.awaitingRefresh),
        // they are counted where the last refresh put them as well
        ...(awaitingDecided === 0 ? [] : [line('  of them decided before', -awaitingDecided)]),
        line('intervals expected', s.intervalsExpected, `coverage ${coverage.toFixed(3)} %`),
        line('  measured', s.intervalsMeasured),
        line('  estimated by the source', s.intervalsEstimated - s.intervalsEstimatedHere),
        line('  estimated here', s.intervalsEstimatedHere),
        line('  missing', s.intervalsMissing),
        ...Object.entries(s.failedByRule).map(([rule, n]) => line(`  fail ${rule}`, n)),
    ];
}

/** Each number is counted by itself: that they add up is seen and not made. */
function sumRemark(total: number, sum: number, parts: string): string {
    return total === sum ? `= the next ${parts}` : `IS NOT the next ${parts}, which add up to ${count(sum)}`;
}

function whereAndNext(
    workspace: Workspace,
    options: SummaryOptions & { readonly seconds: number },
    billId: string,
): string[] {
    const home = path.relative(process.cwd(), workspace.home.folder) || '.';
    return [
        `Done in ${options.seconds} s. Everything lies in ${options.folder}:`,
        '  simulated/   master data, delivered files and the truth that the chain can be compared with',
        '  home/raw     every byte received     home/lake   readings as Parquet     home/database   state and bills',
        '',
        'Next',
        `  npx gridtally bill show ${billId} --home ${home}`,
        `  npx gridtally sql "select * from reads_daily order by day, meter_id limit 10" --home ${home}`,
        `  npx gridtally sql "${QUARANTINE_QUERY}" --home ${home}`,
        `  npx gridtally status --home ${home}`,
        '  npm start -- --fresh     makes the town anew',
    ];
}
