import { compileText } from '../engine/compile.ts';
import type { EngineSession } from '../engine/engine.ts';
import { GridtallyError } from '../kernel/errors.ts';
import { type LiveFile, type NewFile, rowsByPartition } from './catalogue.ts';
import { type Lake, type PartitionKey, partitionText } from './lake.ts';
import { sumByPartition } from './partition-rows.ts';
import type { PartitionResult } from './refresh-commit.ts';

/**
 * Rows received of each partition, within the validity of their channels, counted where they came from: what the days of a job say of them is a sum over the
 * files that the job wrote. Where every channel that was decided is valid all the time, no row may lie outside, and that sum is the number if the
 * catalogue has the same; else the versions are counted.
 */
export async function rowsReceived(
    session: EngineSession,
    lake: Lake,
    versionFiles: readonly LiveFile[],
    summaries: ReadonlyMap<string, PartitionResult>,
): Promise<Map<string, number>> {
    const received = rowsByPartition(versionFiles.map((file) => ({ parts: [file] })));
    const told = new Map([...summaries].map(([key, { rows }]) => [key, rows]));
    const keys = new Set([...received.keys(), ...told.keys()]);
    const isSame = [...keys].every((key) => (received.get(key) ?? 0) === (told.get(key) ?? 0));
    if (isSame && (await areValidThroughout(session))) return told;
    const counted = await sumByPartition(session, lake, 'job_versions', 'count(*) as n');
    const summed = await sumByPartition(session, lake, 'curated_days', 'sum(row_count) as n');
    // of a merge both are of the channel-days that it makes anew
    return new Map(
        [...keys].map((key) => [
            key,
            (told.get(key) ?? 0) + Number(counted.get(key)?.n ?? 0) - Number(summed.get(key)?.n ?? 0),
        ]),
    );
}

/** Whether all channels of a job are, on all of its days. */
async function areValidThroughout(session: EngineSession): Promise<boolean> {
    const days = 'select min(day_from_us) as from_us, max(day_to_us) as to_us from market_days';
    const sql = compileText(
        `select count(*) as n from channels as c inner join (${days}) as d
           on instant_us(c.valid_from) > d.from_us or instant_us(c.valid_to) < d.to_us`,
        session.dialect,
        'channels that are not valid throughout',
    );
    const [bounded] = await session.rows(sql);
    return Number(bounded?.n) === 0;
}

/**
 * A second look at what an engine wrote, before it is published: each partition must have as many intervals in its files as rows that were `received` and
 * are not accounted for otherwise, and those that were estimated; and a row for each channel, gap and run. Throws `engine.rows-differ`.
 */
export function refuseOtherRows(
    partitions: readonly PartitionKey[],
    files: Readonly<Record<string, readonly NewFile[]>>,
    summaries: ReadonlyMap<string, PartitionResult>,
    received: ReadonlyMap<string, number>,
): void {
    for (const table of ['reads_interval', 'reads_daily', 'reading_gaps', 'reading_estimates'] as const) {
        const written = rowsByPartition(files[table] ?? []);
        for (const partition of partitions) {
            const key = partitionText(partition);
            const summary = summaries.get(key);
            const expected = expectedRows(received.get(key) ?? 0, summary)[table];
            const found = written.get(key) ?? 0;
            if (found !== expected)
                throw new GridtallyError(
                    'engine.rows-differ',
                    `${table} of ${key} has ${found} rows in the files that were written, and should have ${expected}`,
                );
        }
    }
}

function expectedRows(received: number, of: PartitionResult | undefined) {
    if (of === undefined)
        return { reads_interval: received, reads_daily: 0, reading_gaps: 0, reading_estimates: 0 };
    const besides = of.superseded + of.withdrawn + of.duplicates + of.staleDuplicates + of.rejected;
    return {
        reads_interval: received - besides + of.computed,
        reads_daily: of.channels,
        reading_gaps: of.gaps,
        reading_estimates: of.runs,
    };
}
