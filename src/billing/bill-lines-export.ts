import { BILL_LINES } from '../contracts/lake-tables.ts';
import type { EngineSession, EngineValue } from '../engine/engine.ts';
import type { CalendarDate, DatePeriod } from '../kernel/calendar-date.ts';
import type { Lake } from '../lake/lake.ts';
import { useLake } from '../lake/lake-use.ts';
import { appendPage } from '../lake/relation-rows.ts';
import { type ReplacedPartition, replacePartitions, writeReplaced } from '../lake/replaced-partitions.ts';
import type { Transaction } from '../store/database.ts';

/** A batch is the bills of periods that begin on one day, of so many account numbers: what one file holds. */
const ACCOUNTS_OF_A_BATCH = 16_384;
/** Bills whose lines are held in memory at once. */
const BILLS_AT_ONCE = 2_000;

interface Batch {
    readonly periodFrom: CalendarDate;
    readonly bucket: number;
    readonly billNos: readonly number[];
    readonly checksum: string;
}

/**
 * Brings the table `bill_lines` of the lake up to the bills: batches whose bills have changed are written anew, in one commit. Only periods that
 * begin within `period`, or all of them. Killed at any point, the next call does what is left.
 */
export async function exportBillLines(lake: Lake, period?: DatePeriod): Promise<number> {
    if ((await changedBatches(lake.db, period)).length === 0) return 0;
    return lake.db.withLock('export bill lines', 'exclusive', () =>
        useLake(lake, async (inUse) => {
            const batches = await changedBatches(inUse.db, period);
            if (batches.length === 0) return 0;
            const session = await inUse.engine.openSession();
            try {
                const replaced: ReplacedPartition[] = [];
                for (const batch of batches) replaced.push(await writeBatch(session, inUse, batch));
                await replacePartitions(inUse, 'bill_lines', replaced, { batches: batches.length });
                return batches.length;
            } finally {
                await session.close();
            }
        }),
    );
}

/** Batches whose bills are not those that were exported; one without bills has no numbers. */
async function changedBatches(db: Pick<Transaction, 'query'>, period?: DatePeriod): Promise<Batch[]> {
    return db.query<Batch>(
        `with now as (
             select period_from, cast(account_no / $3 as integer) as bucket, array_agg(bill_no order by bill_no) as bills,
                    md5(string_agg(bill_no || ' ' || state || ' ' || content_sha256, ',' order by bill_no)) as checksum
               from bills where ($1::date is null or period_from >= $1) and ($2::date is null or period_from < $2) group by 1, 2),
         exported as (
             select market_day, bucket, checksum from partitions
              where table_name = 'bill_lines' and ($1::date is null or market_day >= $1) and ($2::date is null or market_day < $2))
         select coalesce(n.period_from, e.market_day) as "periodFrom", coalesce(n.bucket, e.bucket) as bucket,
                coalesce(n.bills, '{}') as "billNos", coalesce(n.checksum, 'empty') as checksum
           from now n full join exported e on e.market_day = n.period_from and e.bucket = n.bucket
          where coalesce(n.checksum, 'empty') <> coalesce(e.checksum, '') order by 1, 2`,
        [period?.from ?? null, period?.to ?? null, ACCOUNTS_OF_A_BATCH],
    );
}

/**
 * A bill that was replaced since the batch was listed is left out, and the batch, whose checksum is then no longer that of its bills, is
 * written once more by the next call.
 */
async function writeBatch(session: EngineSession, lake: Lake, batch: Batch): Promise<ReplacedPartition> {
    const { periodFrom: marketDay, bucket, billNos, checksum } = batch;
    if (billNos.length === 0) return { marketDay, bucket, checksum, files: [] };
    await session.registerRows('batch_lines', BILL_LINES, []);
    for (let at = 0; at < billNos.length; at += BILLS_AT_ONCE) {
        const rows = await billLineRows(lake.db, billNos.slice(at, at + BILLS_AT_ONCE));
        await appendPage(session, 'batch_lines', BILL_LINES, rows);
    }
    return writeReplaced(session, lake, {
        table: 'bill_lines',
        name: `${marketDay}-${bucket}`,
        query: 'select * from batch_lines order by bill_id nulls last, line_no nulls last',
        key: { marketDay, bucket },
        checksum,
    });
}

async function billLineRows(
    db: Pick<Transaction, 'query'>,
    billNos: readonly number[],
): Promise<EngineValue[][]> {
    const rows = await db.query<Record<string, EngineValue>>(
        `select b.bill_id, l.line_no, c.account_id, a.agreement_id, m.metering_point_id, b.period_from as period_start,
                b.period_to as period_end, b.state, l.charge, l.band, l.service_from, l.service_to, l.quantity, l.quantity_unit,
                l.measured_kwh, l.estimated_kwh, l.price, l.amount_exact, l.amount, b.currency
           from bill_lines l join bills b using (bill_no) join accounts c using (account_no)
           join agreements a using (agreement_no) join metering_points m using (metering_point_no)
          where l.bill_no = any ($1)`,
        [billNos],
    );
    return rows.map((row) => BILL_LINES.map(({ name }) => row[name] ?? null));
}
