import path from 'node:path';
import type { BillDocument } from '../billing/bill-document.ts';
import { contentHash } from '../billing/rate-bills.ts';
import { RECEIVED_TABLES } from '../contracts/lake-tables.ts';
import { PUBLISHED_TABLES } from '../lake/curation-job.ts';
import { logFaults } from '../lake/open-table-check.ts';
import { type LakeVerification, verifyLake } from '../lake/verify-lake.ts';
import { type RawVerification, verifyRaw } from '../raw/verify-raw.ts';
import type { Transaction } from '../store/database.ts';
import { sequenceFaults } from '../store/sequence-check.ts';
import type { Chain } from './chain.ts';

/** Something in the home that is not as it must be. */
export interface HomeFault {
    readonly area: 'raw' | 'lake' | 'open-tables' | 'database';
    /** A file, a partition, a table or a bill. */
    readonly place: string;
    readonly what: string;
    /** What to do about it. */
    readonly remedy: string;
}

export interface HomeVerification {
    readonly segments: number;
    readonly payloads: number;
    readonly rawBytes: number;
    readonly lakeFiles: number;
    readonly lakeBytes: number;
    readonly partitions: number;
    readonly isSound: boolean;
    readonly faults: readonly HomeFault[];
}

export interface VerifyProgress {
    readonly stage: 'segments' | 'files' | 'partitions';
    readonly done: number;
    readonly total: number;
}

/** Compares everything that is stored with what the catalogue says, while anything else goes on. Nothing is changed. */
export async function verifyHome(
    { lake, raw }: Chain,
    onProgress: (progress: VerifyProgress) => void = () => {},
): Promise<HomeVerification> {
    const received = await verifyRaw(raw, {
        rebuild: false,
        onProgress: (done, total) => onProgress({ stage: 'segments', done, total }),
    });
    const stored = await verifyLake(lake, onProgress);
    const logs = await logFaults(lake);
    const faults = [
        ...rawFaults(received, raw.folder),
        ...lakeFaults(stored, lake.folder),
        ...logs.map(({ table, what }) => fault('open-tables', table, what, REWRITE_LOGS)),
        ...(await databaseFaults(lake.db)),
    ];
    return {
        segments: received.segments,
        payloads: received.payloads,
        rawBytes: received.bytes,
        lakeFiles: stored.files,
        lakeBytes: stored.bytes,
        partitions: stored.partitions,
        isSound: faults.length === 0,
        faults,
    };
}

const REWRITE_LOGS = 'Run `gridtally open-tables --rebuild`.';
const REBUILD =
    'Run `gridtally rebuild --from-raw`: it makes the readings of the lake anew from the received bytes; then `gridtally sweep --keep-days 0`.';
const FROM_BACKUP = 'Restore the newest snapshot into a new home, and take the file from there.';
const RESTORE = 'Restore the home from a backup.';
const REPORT = 'Report this, and restore the home from a backup.';

/** What is made anew from raw segments; the other tables are copies of rows in the database, or tell of the past. */
const REBUILT: ReadonlySet<string> = new Set([...RECEIVED_TABLES, ...PUBLISHED_TABLES]);

function rawFaults({ damaged, missing }: RawVerification, folder: string): HomeFault[] {
    return [
        ...damaged.map(({ segmentPath, offset, what }) =>
            fault('raw', `${segmentPath} at byte ${offset}`, what, FROM_BACKUP),
        ),
        ...missing.map((file) => fault('raw', path.join(folder, file), 'is missing', FROM_BACKUP)),
    ];
}

function lakeFaults({ fileFaults, partitionFaults }: LakeVerification, folder: string): HomeFault[] {
    const remedyOf = (table: string) => (REBUILT.has(table) ? REBUILD : FROM_BACKUP);
    return [
        ...fileFaults.map(({ file, what }) =>
            fault('lake', path.join(folder, file.path), what, remedyOf(file.table)),
        ),
        ...partitionFaults.map(({ table, partition, what }) => {
            const place = `${table} of ${partition.marketDay}, bucket ${partition.bucket}`;
            return fault('lake', place, what, remedyOf(table));
        }),
    ];
}

/** What the database's own constraints do not hold. */
async function databaseFaults(db: Pick<Transaction, 'query'>): Promise<HomeFault[]> {
    const sequences = await sequenceFaults(db);
    const receipts = await db.query<{ reached: number; highest: number }>(
        `select (select last_value from payload_sequence) as reached, max(last_sequence) as highest from segments
         having max(last_sequence) > (select last_value from payload_sequence)`,
    );
    const overlapping = await db.query<{ path: string; first: number }>(
        `select path, first_sequence as first from (
             select path, first_sequence, lag(last_sequence) over (order by first_sequence) as before from segments) s
          where before >= first_sequence order by first_sequence`,
    );
    const bills = await db.query<{ billId: string; due: string; lines: string }>(
        `select b.bill_id as "billId", b.amount_due::text as due, coalesce(sum(l.amount), 0)::text as lines
           from bills b left join bill_lines l using (bill_no) group by b.bill_no
         having b.amount_due <> coalesce(sum(l.amount), 0) or b.amount_due <> (b.document ->> 'amountDue')::numeric order by 1`,
    );
    const withoutInputs = await db.query<{ billId: string }>(
        `select b.bill_id as "billId" from bills b
          where not exists (select from bill_inputs i where i.inputs_sha256 = b.inputs_sha256) order by 1`,
    );
    return [
        ...sequences.map(({ sequence, what }) => fault('database', sequence, what, RESTORE)),
        ...receipts.map(({ reached, highest }) =>
            fault(
                'database',
                'payload_sequence',
                `stands at ${reached}, and receipt ${highest} was given`,
                RESTORE,
            ),
        ),
        ...overlapping.map(({ path: place, first }) =>
            fault('database', place, `begins with receipt ${first}, which another segment has`, REPORT),
        ),
        ...(await changedBills(db)).map((billId) =>
            fault('database', billId, 'is a document that is not what was hashed when it was made', RESTORE),
        ),
        ...bills.map(({ billId, due, lines }) =>
            fault(
                'database',
                billId,
                `is ${due}, and its lines are ${lines}`,
                'Draft it again with `gridtally bill`.',
            ),
        ),
        ...withoutInputs.map(({ billId }) =>
            fault('database', billId, 'names inputs that are not kept', RESTORE),
        ),
    ];
}

const BILLS_OF_A_PAGE = 1000;

async function changedBills(db: Pick<Transaction, 'query'>): Promise<string[]> {
    const changed: string[] = [];
    for (let after = 0; ; ) {
        const page = await db.query<{
            billNo: number;
            billId: string;
            sha256: string;
            document: BillDocument;
        }>(
            `select bill_no as "billNo", bill_id as "billId", content_sha256 as sha256, document from bills
              where bill_no > $1 order by bill_no limit $2`,
            [after, BILLS_OF_A_PAGE],
        );
        for (const { billId, sha256, document } of page)
            if (contentHash(document) !== sha256) changed.push(billId);
        after = page.at(-1)?.billNo ?? after;
        if (page.length < BILLS_OF_A_PAGE) return changed;
    }
}

function fault(area: HomeFault['area'], place: string, what: string, remedy: string): HomeFault {
    return { area, place, what, remedy };
}
