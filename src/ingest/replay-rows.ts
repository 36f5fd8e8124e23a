import { LAKE_TABLES } from '../contracts/lake-tables.ts';
import type { EngineSession } from '../engine/engine.ts';
import { sqlText } from '../engine/sql-text.ts';
import { distinctPaths, type LiveFile, liveFiles, type NewFile } from '../lake/catalogue.ts';
import type { Lake } from '../lake/lake.ts';
import type { KnownFeed } from './parse-pending.ts';
import { writeWhole } from './whole-table.ts';

/** What a replay takes out of `quarantined_rows`, of one segment. */
export interface SupersededCounts {
    readonly segmentNo: number;
    readonly rows: number;
    readonly byRule: Readonly<Record<string, number>>;
}

export interface SupersededRows {
    readonly counts: readonly SupersededCounts[];
    /** Files of `quarantined_rows` that hold some of them, and what is left of those files. */
    readonly retired: readonly LiveFile[];
    readonly kept: readonly NewFile[];
    readonly history: readonly NewFile[];
}

/**
 * Makes the session's tables `held`, the quarantined rows of the payloads in the session's `payloads`, and `came_before`, the rows of
 * theirs that an earlier replay brought in.
 */
export async function holdQuarantined(lake: Lake, engine: EngineSession, feed: KnownFeed): Promise<void> {
    for (const [table, made, where] of [
        ['quarantined_rows', 'held', 'true'],
        ['replayed_rows', 'came_before', "q.outcome <> 'quarantined'"],
    ] as const) {
        const paths = distinctPaths(await liveFiles(lake, table));
        await engine.registerFiles(`all_${table}`, LAKE_TABLES[table], paths);
        await engine.materialise(
            made,
            `select q.*, p.segment_no from all_${table} as q inner join payloads as p on p.sequence = q.sequence
             where q.feed_id = ${feed.feedId} and ${where}`,
        );
    }
}

/** Sequences of the payloads that have quarantined rows. */
export async function heldSequences(engine: EngineSession): Promise<Set<number>> {
    const rows = await engine.rows('select distinct sequence from held');
    return new Set(rows.map((row) => Number(row.sequence)));
}

/**
 * Leaves of the session's table `parsed`, which has all rows of the payloads, those that are to come in: every row of a payload that was
 * refused, and of the others the rows that are quarantined. A row that came in before stays as it is, also where the contract
 * of today would read it otherwise. Of an interval that a payload names more than once the ordinals of what comes in stand to
 * those that are there as the lines do: one that came alone has 0, whatever its line.
 */
export async function keepForReplay(engine: EngineSession, refusedBefore: readonly number[]): Promise<void> {
    await engine.registerRows(
        'refused_before',
        [{ name: 'sequence', type: 'bigint' }],
        refusedBefore.map((sequence) => [sequence]),
    );
    await nameCells(engine);
    await engine.materialise(
        'candidates',
        `select p.*, r.sequence is not null or h.sequence is not null as comes_in, c.sequence is not null as came_by_replay
         from parsed as p
         left join refused_before as r on r.sequence = p.sequence
         left join (select distinct sequence, line_no, cell from held_cells) as h
            on h.sequence = p.sequence and h.line_no = p.line_no and h.cell in ('', p.cell_name)
         left join (select distinct sequence, line_no, cell from came_cells) as c
            on c.sequence = p.sequence and c.line_no = p.line_no and c.cell in ('', p.cell_name)`,
    );
    await engine.materialise(
        'came_alone',
        `select payload_no, meter_key, register_key, period_us, min(line_no) as line_no from candidates
         where faults = '' and ordinal <> 0 and not comes_in and not came_by_replay
         group by payload_no, meter_key, register_key, period_us having count(*) = 1`,
    );
    await engine.materialise(
        'parsed',
        `select p.* exclude (ordinal, comes_in, came_by_replay),
            case when p.ordinal = 0 then 0 else p.line_no - coalesce(a.line_no, 0) end as ordinal
         from candidates as p left join came_alone as a
            on p.ordinal <> 0 and a.payload_no = p.payload_no and a.meter_key = p.meter_key
            and a.register_key = p.register_key and a.period_us = p.period_us
         where p.comes_in`,
    );
}

/** Of a wide file an entry is of one cell, which its `fields` name first, unless its whole line was at fault. */
async function nameCells(engine: EngineSession): Promise<void> {
    for (const [from, made] of [
        ['held', 'held_cells'],
        ['came_before', 'came_cells'],
    ] as const) {
        await engine.materialise(
            made,
            // names of columns may hold blanks
            `with named as (
                select f.fields, max_by(c.cell_name, length(c.cell_name)) as cell
                from (select distinct fields from ${from}) as f
                inner join (select distinct cell_name from parsed where cell_name <> '') as c
                    on starts_with(f.fields || ' ', c.cell_name || ' ')
                group by f.fields
             )
             select h.*, coalesce(n.cell, '') as cell from ${from} as h left join named as n on n.fields = h.fields`,
        );
    }
}

/** Writes what the rows of `parsed` take the place of: the files of `quarantined_rows` without them, and their history. */
export async function supersede(
    lake: Lake,
    engine: EngineSession,
    feed: KnownFeed,
    judgedBy: ReadonlyMap<number, number>,
): Promise<SupersededRows> {
    await engine.registerRows(
        'judged_by',
        [
            { name: 'segment_no', type: 'bigint' },
            { name: 'contract_no', type: 'integer' },
        ],
        [...judgedBy],
    );
    await engine.materialise(
        'superseded',
        `select h.*, j.contract_no, cast(${feed.contractNo} as integer) as replayed_contract_no, n.outcome
         from held_cells as h inner join judged_by as j on j.segment_no = h.segment_no
         inner join (select sequence, line_no, cell, min(outcome) as outcome
                     from (select sequence, line_no, unnest(list_distinct(['', cell_name])) as cell, ${OUTCOME} as outcome from parsed)
                     group by all) as n
            on n.sequence = h.sequence and n.line_no = h.line_no and n.cell = h.cell`,
    );
    const counts = await supersededCounts(engine);
    if (counts.length === 0) return { counts, retired: [], kept: [], history: [] };
    const retired = await filesOfSuperseded(lake, engine);
    await engine.registerFiles('retired_rows', LAKE_TABLES.quarantined_rows, distinctPaths(retired));
    return {
        counts,
        retired,
        kept: await writeWhole(lake, engine, 'quarantined_rows', { rows: KEPT, order: BY_LINE }),
        history: await writeWhole(lake, engine, 'replayed_rows', {
            rows: 'select * from superseded',
            order: BY_LINE,
        }),
    };
}

const OUTCOME = `case when faults <> '' then 'quarantined' when channel_no is null then 'waiting' else 'version' end`;

const KEPT = `select q.* from retired_rows as q left join superseded as s
        on s.feed_id = q.feed_id and s.sequence = q.sequence and s.line_no = q.line_no and s.fields = q.fields
     where s.sequence is null`;
const BY_LINE = 'sequence nulls last, line_no nulls last';

async function supersededCounts(engine: EngineSession): Promise<SupersededCounts[]> {
    const rows = await engine.rows(
        `select segment_no, split_part(rule_ids, ' ', 1) as rule, count(*) as n from superseded group by all`,
    );
    return [...Map.groupBy(rows, (row) => Number(row.segment_no))].map(([segmentNo, group]) => ({
        segmentNo,
        rows: group.reduce((sum, row) => sum + Number(row.n), 0),
        byRule: Object.fromEntries(group.map((row) => [String(row.rule), Number(row.n)])),
    }));
}

async function filesOfSuperseded(lake: Lake, engine: EngineSession): Promise<LiveFile[]> {
    const live = await liveFiles(lake, 'quarantined_rows');
    const list = distinctPaths(live).map(sqlText).join(', ');
    const rows = await engine.rows(
        `select distinct q.filename from read_parquet([${list}], filename = true, hive_partitioning = false) as q
         inner join superseded as s on s.sequence = q.sequence and s.line_no = q.line_no and s.feed_id = q.feed_id`,
    );
    const names = new Set(rows.map((row) => String(row.filename)));
    return live.filter((file) => names.has(file.path));
}
