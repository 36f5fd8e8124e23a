import type { Database, Transaction } from '../store/database.ts';
import type { SegmentCounts } from './parse-outputs.ts';
import type { KnownFeed } from './parse-pending.ts';

/** Counts of a segment as its newest judgement left them. */
export type SegmentStats = Omit<SegmentCounts, 'segmentNo' | 'unused'> & {
    readonly refused: number;
    /** Absent where an earlier version of the program counted. */
    readonly unused?: number;
};

/** A segment with refused payloads or quarantined rows that an older contract than the feed's judged last. */
export interface FaultySegment {
    readonly segmentNo: number;
    readonly path: string;
    readonly payloadBytes: number;
    readonly judgedContractNo: number;
    readonly stats: SegmentStats;
}

/** A refusal that stands. */
export interface StandingRefusal {
    readonly sequence: number;
    readonly segmentNo: number;
    readonly sourceKey: string;
    readonly ruleId: string;
    readonly contractNo: number;
}

/** What a replay would look at, by feed. Rows of other payloads, and rows that came in, are not touched. */
export interface ReplayPlan {
    readonly feed: string;
    /** Version of the contract that would judge now. */
    readonly contractVersion: string;
    /** Versions that judged last. */
    readonly judgedBy: readonly string[];
    readonly segments: number;
    readonly refused: readonly StandingRefusal[];
    readonly quarantined: number;
    readonly quarantinedByRule: Readonly<Record<string, number>>;
}

/** Feeds with something that their present contract has not judged; from the catalogue alone. */
export async function planReplay(
    db: Pick<Database, 'query'>,
    feeds: readonly KnownFeed[],
): Promise<ReplayPlan[]> {
    const plans: ReplayPlan[] = [];
    for (const feed of feeds) {
        const segments = await faultySegments(db, feed, 0);
        if (segments.length === 0) continue;
        const rules: Record<string, number> = {};
        for (const { stats } of segments) addCounts(rules, stats.quarantinedByRule);
        const judged = [...new Set(segments.map((s) => s.judgedContractNo))];
        plans.push({
            feed: feed.contract.feed,
            contractVersion: feed.contract.version,
            judgedBy: await versionsOf(db, feed.feedId, judged),
            segments: segments.length,
            refused: await standingRefusals(
                db,
                segments.map((s) => s.segmentNo),
            ),
            quarantined: segments.reduce((sum, { stats }) => sum + stats.quarantined, 0),
            quarantinedByRule: rules,
        });
    }
    return plans;
}

const FAULTY = `
    select s.segment_no as "segmentNo", s.path, s.payload_bytes as "payloadBytes", s.parse_stats as stats,
           coalesce(j.contract_no, s.parsed_contract_no) as "judgedContractNo"
      from segments s
      left join lateral (select max(r.contract_no) as contract_no from segment_replays r
                          where r.segment_no = s.segment_no) j on true
     where s.feed_id = $1 and s.segment_no > $3
       and coalesce((s.parse_stats ->> 'quarantined')::bigint, 0) + coalesce((s.parse_stats ->> 'refused')::bigint, 0) > 0
       and coalesce(j.contract_no, s.parsed_contract_no) < $2
       and ($4::bigint[] is null or s.segment_no = any($4))
     order by s.segment_no`;

async function faultySegments(
    db: Pick<Database, 'query'>,
    { feedId, contractNo }: KnownFeed,
    after: number,
): Promise<FaultySegment[]> {
    return db.query<FaultySegment>(FAULTY, [feedId, contractNo, after, null]);
}

/** Locks segments until the batch is full; those that another process has locked are its own to judge. */
export async function claimFaultySegments(
    tx: Transaction,
    { feedId, contractNo }: KnownFeed,
    limits: {
        readonly segments: number;
        readonly bytes: number;
        readonly within?: readonly number[] | undefined;
    },
): Promise<FaultySegment[]> {
    const taken: FaultySegment[] = [];
    let bytes = 0;
    while (taken.length < limits.segments && bytes < limits.bytes) {
        const after = taken.at(-1)?.segmentNo ?? 0;
        const [next] = await tx.query<FaultySegment>(`${FAULTY} limit 1 for update of s skip locked`, [
            feedId,
            contractNo,
            after,
            limits.within ?? null,
        ]);
        if (!next || (taken.length > 0 && bytes + next.payloadBytes > limits.bytes)) break;
        taken.push(next);
        bytes += next.payloadBytes;
    }
    return taken;
}

export async function standingRefusals(
    db: Pick<Database, 'query'>,
    segmentNos: readonly number[],
): Promise<StandingRefusal[]> {
    return db.query<StandingRefusal>(
        `select sequence, segment_no as "segmentNo", source_key as "sourceKey", rule_id as "ruleId",
                contract_no as "contractNo"
           from refused_payloads where segment_no = any($1) and superseded_by is null order by sequence`,
        [segmentNos],
    );
}

async function versionsOf(
    db: Pick<Database, 'query'>,
    feedId: number,
    contractNos: readonly number[],
): Promise<string[]> {
    const rows = await db.query<{ version: string }>(
        `select contract_version as version from feed_contracts
          where feed_id = $1 and contract_no = any($2) order by contract_no`,
        [feedId, contractNos],
    );
    return [...new Set(rows.map((row) => row.version))];
}

/** Adds counts by name; `sign` -1 takes them away, and a count of nothing goes. */
export function addCounts(
    into: Record<string, number>,
    counts: Readonly<Record<string, number>>,
    sign: 1 | -1 = 1,
): void {
    for (const [name, n] of Object.entries(counts)) {
        const left = (into[name] ?? 0) + sign * n;
        if (left === 0) delete into[name];
        else into[name] = left;
    }
}
