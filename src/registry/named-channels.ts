import type { Transaction } from '../store/database.ts';
import { type ChannelEntry, channelEntriesOf } from './channel-directory.ts';

/** A meter or metering point by the name that a person gives. */
export interface NamedChannels {
    /** What is believed now of each channel that has or had that meter or metering point; a channel may have none. */
    readonly channels: readonly ChannelEntry[];
    /** By channel, every name under which a feed may have named it: its meters and metering points by any belief. */
    readonly namesOf: ReadonlyMap<number, ReadonlySet<string>>;
}

/** Channels of a meter or metering point by its outside identifier, by what is or was believed; of one register, if it is named. */
export async function namedChannels(
    db: Pick<Transaction, 'query'>,
    name: string,
    registerId?: string,
): Promise<NamedChannels> {
    const numbers = await db.query<{ channelNo: number }>(
        `select distinct v.channel_no as "channelNo"
           from channel_validities v join metering_points m using (metering_point_no) join meters w using (meter_no)
          where (w.meter_id = $1 or m.metering_point_id = $1) and ($2::text is null or v.register_id = $2) order by 1`,
        [name, registerId ?? null],
    );
    return channelsByNumber(
        db,
        numbers.map(({ channelNo }) => channelNo),
    );
}

/** The same of channels that are known by number. */
export async function channelsByNumber(
    db: Pick<Transaction, 'query'>,
    channelNos: readonly number[],
): Promise<NamedChannels> {
    const names = await db.query<{ channelNo: number; name: string }>(
        `select v.channel_no as "channelNo", n.name
           from channel_validities v join metering_points m using (metering_point_no) join meters w using (meter_no)
                cross join lateral (values (w.meter_id), (m.metering_point_id)) as n (name)
          where v.channel_no = any($1)`,
        [channelNos],
    );
    const namesOf = new Map<number, Set<string>>();
    for (const { channelNo, name } of names)
        namesOf.set(channelNo, (namesOf.get(channelNo) ?? new Set()).add(name));
    return { channels: await channelEntriesOf(db, channelNos), namesOf };
}
