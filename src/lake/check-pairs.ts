import type { EngineSession } from '../engine/engine.ts';
import { believedAt } from '../registry/believed-table.ts';
import { type AsKnown, knownAtText } from '../registry/channel-directory.ts';
import type { Database } from '../store/database.ts';
import type { Lake, PartitionKey } from './lake.ts';

/** A channel of a metering point that is checked by another one, or of the one that checks; of one flow. */
export interface PairedChannel {
    /** Which main and check metering point, and which flow. */
    readonly pair: string;
    readonly channelNo: number;
    readonly isCheck: boolean;
    /** Market days on which the attribute says so, half-open. */
    readonly from: string;
    readonly to: string;
}

/** Main and check meters by the attribute that the home names, as believed now or at `knownAt`. Empty where no one judges them. */
export async function readCheckPairs(
    { validation }: Pick<Lake, 'validation'>,
    db: Pick<Database, 'query'>,
    known: AsKnown = {},
): Promise<PairedChannel[]> {
    const all = [validation.rules, ...Object.values(validation.classes)];
    if (all.every((rules) => rules['vee.main-check'].severity === 'off')) return [];
    return db.query<PairedChannel>(PAIRS, [validation.checkAttribute, knownAtText(known)]);
}

// dates before and after all that a home knows stand for open ends
const PAIRS = `
with pairs as (
    select m.metering_point_no as main_no, a.metering_point_no as check_no,
           coalesce(lower(a.valid_during)::text, '1970-01-01') as first_day,
           coalesce(upper(a.valid_during)::text, '2101-01-01') as end_day
      from metering_point_attributes a join metering_points m on m.metering_point_id = a.value
     where a.attribute = $1 and a.metering_point_no <> m.metering_point_no and ${believedAt('a', '$2')}
)
select p.main_no || '/' || p.check_no || '/' || c.flow as pair, v.channel_no as "channelNo",
       v.metering_point_no = p.check_no as "isCheck", p.first_day as "from", p.end_day as "to"
  from pairs p
  join channel_validities v on v.metering_point_no in (p.main_no, p.check_no) and ${believedAt('v', '$2')}
  join channels c on c.channel_no = v.channel_no
 order by 1, 3, 2, 4`;

/** Leaves the session's table `check_pairs`. */
export async function registerPairs(session: EngineSession, pairs: readonly PairedChannel[]): Promise<void> {
    await session.registerRows(
        'check_pairs',
        [
            { name: 'pair', type: 'string' },
            { name: 'channel_no', type: 'integer' },
            { name: 'is_check', type: 'integer' },
            { name: 'from_day', type: 'date' },
            { name: 'to_day', type: 'date' },
        ],
        pairs.map((p) => [p.pair, p.channelNo, p.isCheck ? 1 : 0, p.from, p.to]),
    );
}

/** The pairs whose main meter is in a partition, by partition: what its marks are made from beside its own channels. */
export function pairsOfPartitions(
    pairs: readonly PairedChannel[],
    bucketSize: number,
): (key: PartitionKey) => readonly PairedChannel[] {
    const bucketOf = ({ channelNo }: PairedChannel) => Math.floor(channelNo / bucketSize);
    const ofPair = Map.groupBy(pairs, ({ pair, from }) => `${pair} ${from}`);
    const ofBucket = new Map<number, PairedChannel[][]>();
    for (const channels of ofPair.values()) {
        const buckets = new Set(channels.filter(({ isCheck }) => !isCheck).map(bucketOf));
        for (const bucket of buckets) ofBucket.set(bucket, [...(ofBucket.get(bucket) ?? []), channels]);
    }
    return ({ bucket, marketDay }) =>
        (ofBucket.get(bucket) ?? []).flat().filter(({ from, to }) => from <= marketDay && marketDay < to);
}
