import type { ChannelsOfLoad, LoadWork } from './master-data-kind.ts';

/**
 * Makes the temporary table `channel_assignment`: the channel of each row of `incoming`. In this order: the channel that the same
 * metering point, meter and register have; one that a feed registered for the same meter; one that a feed registered for the same
 * metering point; a new number. Where several rows could take over one channel, the earliest installation does. New channels follow
 * the highest number in the order of metering point, meter and register, and are entered in `channels`.
 */
export async function assignChannels(work: LoadWork): Promise<void> {
    await work.tx.query('analyze incoming');
    await claimKnownChannels(work);
    await work.tx.query(
        `create temp table channel_assignment on commit drop as
         with highest as (select coalesce(max(channel_no), 0) as channel_no from channels)
         select i.row_no, m.metering_point_no,
             coalesce(c.channel_no, h.channel_no + row_number() over (
                 partition by c.channel_no is null
                 order by i.metering_point_id collate "C", i.meter_id collate "C", i.register_id collate "C"
             ))::integer as channel_no,
             c.channel_no is null as is_new,
             coalesce(c.is_taken_over, false) as is_taken_over
         from incoming i join metering_points m using (metering_point_id)
             left join channel_claims c using (row_no) cross join highest h`,
    );
    await work.tx.query('analyze channel_assignment');
    await work.tx.query(
        `insert into channels
             (channel_no, metering_point_no, meter_id, register_id, flow, interval_minutes, registered_by)
         select a.channel_no, a.metering_point_no, i.meter_id, i.register_id, i.flow, i.interval_minutes, 'load'
         from channel_assignment a join incoming i using (row_no) where a.is_new order by a.channel_no`,
    );
}

/** A new `interval_minutes` or `flow` would change the meaning of readings that are there. */
export async function refuseChangedChannels({ tx, file, faults }: LoadWork): Promise<void> {
    const rows = await tx.query<{ line: number; field: string; known: string; channel: string }>(
        `select i.line, f.field, f.known,
             'register ' || c.register_id || ' of meter ' || c.meter_id as channel
         from channel_assignment a join incoming i using (row_no) join channels c using (channel_no)
             cross join lateral (values
                 ('interval_minutes', c.interval_minutes::text, i.interval_minutes::text),
                 ('flow', case when a.is_taken_over then i.flow else c.flow end, i.flow)
             ) f (field, known, said)
         where not a.is_new and f.known <> f.said
         order by i.line, f.field`,
    );
    for (const { line, field, known, channel } of rows) {
        const message = `${channel} has ${field} ${known}, which a channel keeps, as readings of it may be there; end it and add another register`;
        faults.push({ file, line, field, message });
    }
}

/** Makes channels that a feed registered those of the load. */
export async function takeOverChannels({ tx }: LoadWork): Promise<void> {
    await tx.query(
        `update channels c
         set metering_point_no = a.metering_point_no, meter_id = i.meter_id, flow = i.flow, registered_by = 'load'
         from channel_assignment a join incoming i using (row_no)
         where a.is_taken_over and c.channel_no = a.channel_no`,
    );
}

export async function listChannelsOfLoad({ tx }: LoadWork): Promise<ChannelsOfLoad> {
    const rows = await tx.query<{ channelNo: number; isNew: boolean }>(
        `select channel_no as "channelNo", is_new as "isNew" from channel_assignment
         where is_new or is_taken_over order by channel_no`,
    );
    return {
        registeredChannels: rows.filter((row) => row.isNew).map((row) => row.channelNo),
        takenOverChannels: rows.filter((row) => !row.isNew).map((row) => row.channelNo),
    };
}

/** The temporary table `channel_claims`: rows of `incoming` whose channel is known, at most one for each channel. */
async function claimKnownChannels({ tx }: LoadWork): Promise<void> {
    await tx.query(
        `create temp table channel_claims on commit drop as
         with candidates as (
             select i.row_no, c.channel_no, 1 as preference, lower(i.valid_during) as installed_at
             from incoming i join metering_points m using (metering_point_id)
                 join channels c using (metering_point_no, meter_id, register_id)
             union all
             select i.row_no, c.channel_no, 2, lower(i.valid_during)
             from incoming i join channels c using (meter_id, register_id)
             where c.registered_by = 'feed'
             union all
             select i.row_no, c.channel_no, 3, lower(i.valid_during)
             from incoming i join metering_points m using (metering_point_id)
                 join channels c using (metering_point_no, register_id)
             where c.registered_by = 'feed'
         ),
         of_rows as (
             select distinct on (row_no) * from candidates order by row_no, preference, channel_no
         ),
         of_channels as (
             select distinct on (channel_no) * from of_rows order by channel_no, preference, installed_at, row_no
         )
         select o.row_no, o.channel_no, c.registered_by = 'feed' as is_taken_over
         from of_channels o join channels c using (channel_no)`,
    );
    await tx.query('analyze channel_claims');
}
