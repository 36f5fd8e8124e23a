import type { CalendarDate } from '../kernel/calendar-date.ts';
import type { Clock } from '../kernel/clock.ts';
import { fingerprint } from '../kernel/hash.ts';
import type { Database, Transaction } from '../store/database.ts';
import { enterLoad, type KnownAt, lockMasterData, nextKnownAt } from './known-time.ts';
import { recordRegistrationChanges } from './registration-changes.ts';

/** A meter that a feed reads and nobody registered. */
export interface FeedMeter {
    /** What the feed calls the meter or the metering point. */
    readonly externalId: string;
    readonly registerId: string;
    readonly intervalMinutes: number;
    readonly flow: 'to_customer' | 'from_customer';
    /** First market day with a reading; from then on readings are missed. */
    readonly firstDay: CalendarDate;
}

export interface FeedRegistration {
    readonly feed: string;
    readonly identifies: 'meter' | 'meteringPoint';
    readonly meters: readonly FeedMeter[];
    readonly bucketSize: number;
    readonly clock: Clock;
}

export interface FeedRegistrationResult {
    /** New channels, in order. */
    readonly registeredChannels: readonly number[];
    /**
     * Meters that were not registered, because another meter is believed to be installed at the metering point and register where
     * they would be, or the same meter elsewhere: their readings wait for a load.
     */
    readonly heldBack: readonly FeedMeter[];
}

/**
 * Registers the meters that are unknown by `identifies` and register: a metering point and a meter by their external id (or at the
 * metering point, with the meter, that the id has already), valid for all time. Those that are known stay as they are. Safe to
 * call from several processes at once.
 */
export async function registerFeedChannels(
    db: Database,
    registration: FeedRegistration,
): Promise<FeedRegistrationResult> {
    if (registration.meters.length === 0) return { registeredChannels: [], heldBack: [] };
    return db.transaction(async (tx) => {
        await lockMasterData(tx);
        await stageMeters(tx, registration);
        if (!(await hasRows(tx, 'unknown_meters'))) return { registeredChannels: [], heldBack: [] };
        const knownAt = await nextKnownAt(tx, registration.clock);
        await placeMeters(tx);
        const heldBack = await holdBackCollisions(tx);
        const registeredChannels = await enterChannels(tx, knownAt);
        if (registeredChannels.length > 0) {
            await recordNewExpectations(tx, registration, knownAt, registeredChannels.length);
        }
        return { registeredChannels, heldBack };
    });
}

/** As in `applyBelief`: ascending keys are slow to enter. */
const SCATTERED_CHANNELS = 'hashint4(channel_no)';

/** The temporary table `unknown_meters`: each (external id, register) once, with its earliest day. */
async function stageMeters(tx: Transaction, { identifies, meters }: FeedRegistration): Promise<void> {
    await tx.query(
        `create temp table fed_meters (
             external_id text, register_id text, interval_minutes smallint, flow text, first_day date
         ) on commit drop`,
    );
    await tx.copyIn(
        'fed_meters',
        ['external_id', 'register_id', 'interval_minutes', 'flow', 'first_day'],
        meters.map((m) => [m.externalId, m.registerId, m.intervalMinutes, m.flow, m.firstDay]),
    );
    const known = identifies === 'meter' ? 'c.meter_id' : 'm.metering_point_id';
    await tx.query(
        `create temp table unknown_meters on commit drop as
         select distinct on (external_id, register_id) f.*
         from fed_meters f
         where not exists (
             select from channels c join metering_points m using (metering_point_no)
             where ${known} = f.external_id and c.register_id = f.register_id)
         order by external_id, register_id, first_day`,
    );
}

async function hasRows(tx: Transaction, table: string): Promise<boolean> {
    return (await tx.query(`select from ${table} limit 1`)).length > 0;
}

/**
 * The temporary table `placed_meters`: another register of a known meter stands beside the known ones, anything else at a metering
 * point by its own id. Metering points that are missing are made.
 */
async function placeMeters(tx: Transaction): Promise<void> {
    await tx.query(
        `insert into metering_points (metering_point_id)
         select distinct external_id collate "C" from unknown_meters u
         where not exists (select from channels c where c.meter_id = u.external_id)
             and not exists (select from metering_points m where m.metering_point_id = u.external_id)
         order by 1`,
    );
    await tx.query(
        `create temp table placed_meters on commit drop as
         select u.*, coalesce(by_meter.metering_point_no, m.metering_point_no) as metering_point_no,
             coalesce(by_meter.meter_id, by_point.meter_id, u.external_id) as meter_id
         from unknown_meters u
             left join metering_points m on m.metering_point_id = u.external_id
             left join lateral (
                 select metering_point_no, meter_id from channels c where c.meter_id = u.external_id
                 order by channel_no desc limit 1) by_meter on true
             left join lateral (
                 select meter_id from channels c where c.metering_point_no = m.metering_point_no
                 order by channel_no desc limit 1) by_point on true`,
    );
}

/**
 * Takes meters out of `placed_meters` for whose place or meter, with the register, another channel is believed, or an earlier
 * one of `placed_meters` is to be.
 */
async function holdBackCollisions(tx: Transaction): Promise<FeedMeter[]> {
    return tx.query<FeedMeter>(
        `delete from placed_meters p
         where exists (
             select from channel_validities v
             where v.known_to is null and v.register_id = p.register_id
                 and v.metering_point_no = p.metering_point_no)
             or exists (
             select from channel_validities v join meters m using (meter_no)
             where v.known_to is null and v.register_id = p.register_id and m.meter_id = p.meter_id)
             or exists (
             select from placed_meters e
             where e.register_id = p.register_id and e.external_id collate "C" < p.external_id collate "C"
                 and (e.metering_point_no = p.metering_point_no or e.meter_id = p.meter_id))
         returning external_id as "externalId", register_id as "registerId",
             interval_minutes as "intervalMinutes", flow, first_day as "firstDay"`,
    );
}

async function enterChannels(tx: Transaction, knownAt: KnownAt): Promise<number[]> {
    await tx.query(
        `create temp table fed_channels on commit drop as
         select h.channel_no + (row_number() over (
             order by external_id collate "C", register_id collate "C"))::integer as channel_no, p.*
         from placed_meters p cross join (select coalesce(max(channel_no), 0) as channel_no from channels) h`,
    );
    await tx.query(
        `insert into meters (meter_id)
         select distinct meter_id collate "C" from fed_channels f
         where not exists (select from meters m where m.meter_id = f.meter_id) order by 1`,
    );
    const rows = await tx.query<{ channelNo: number }>(
        `insert into channels
             (channel_no, metering_point_no, meter_id, register_id, flow, interval_minutes, registered_by)
         select channel_no, metering_point_no, meter_id, register_id, flow, interval_minutes, 'feed'
         from fed_channels order by channel_no
         returning channel_no as "channelNo"`,
    );
    await tx.query(
        `insert into channel_validities
             (channel_no, metering_point_no, meter_no, register_id, valid_during, expected_from, known_from)
         select channel_no, metering_point_no, meter_no, register_id, '(,)', first_day, $1
         from fed_channels join meters using (meter_id) order by ${SCATTERED_CHANNELS}`,
        [knownAt.text],
    );
    return rows.map((row) => row.channelNo);
}

async function recordNewExpectations(
    tx: Transaction,
    { feed, bucketSize, meters }: FeedRegistration,
    knownAt: KnownAt,
    changed: number,
): Promise<void> {
    const changes = await tx.query<{ bucket: number; from: CalendarDate }>(
        `select channel_no / $1::integer as bucket, min(first_day) as "from" from fed_channels group by 1`,
        [bucketSize],
    );
    await recordRegistrationChanges(
        tx,
        changes.map((change) => ({ ...change, to: null })),
        knownAt.text,
    );
    const contentSha256 = fingerprint(meters);
    const rows = meters.length;
    await enterLoad(tx, {
        kind: 'feed-registration',
        sourceName: feed,
        contentSha256,
        knownAt,
        rows,
        changed,
    });
}

/**
 * Moves the day from which readings are missed to an earlier one, for channels that a feed registered and whose readings begin
 * earlier than was known. Later days, and channels of a load, change nothing.
 * @returns how many channels changed
 */
export async function extendExpectation(
    db: Database,
    extensions: readonly { readonly channelNo: number; readonly firstDay: CalendarDate }[],
    { bucketSize, clock }: { readonly bucketSize: number; readonly clock: Clock },
): Promise<number> {
    if (extensions.length === 0) return 0;
    return db.transaction(async (tx) => {
        await lockMasterData(tx);
        await tx.query(
            `create temp table extended on commit drop as
             select v.*, e.first_day
             from (select channel_no, min(first_day) as first_day
                   from unnest($1::integer[], $2::date[]) as t (channel_no, first_day) group by 1) e
                 join channel_validities v using (channel_no)
             where v.known_to is null and v.expected_from > e.first_day`,
            [extensions.map((e) => e.channelNo), extensions.map((e) => e.firstDay)],
        );
        if (!(await hasRows(tx, 'extended'))) return 0;
        return moveExpectations(tx, await nextKnownAt(tx, clock), bucketSize);
    });
}

async function moveExpectations(tx: Transaction, knownAt: KnownAt, bucketSize: number): Promise<number> {
    await tx.query(
        `update channel_validities v set known_to = $1 from extended e
         where v.known_to is null and v.channel_no = e.channel_no`,
        [knownAt.text],
    );
    await tx.query(
        `insert into channel_validities
             (channel_no, metering_point_no, meter_no, register_id, valid_during, expected_from, register_digits,
              register_multiplier, known_from)
         select channel_no, metering_point_no, meter_no, register_id, valid_during, first_day, register_digits,
             register_multiplier, $1
         from extended order by ${SCATTERED_CHANNELS}`,
        [knownAt.text],
    );
    const changes = await tx.query<{ bucket: number; from: CalendarDate; to: CalendarDate; count: number }>(
        `select channel_no / $1::integer as bucket, first_day as "from", expected_from as "to",
             count(*) as count
         from extended group by 1, 2, 3 order by 1, 2, 3`,
        [bucketSize],
    );
    await recordRegistrationChanges(tx, changes, knownAt.text);
    const changed = changes.reduce((sum, change) => sum + change.count, 0);
    const contentSha256 = fingerprint(changes);
    await enterLoad(tx, {
        kind: 'expectation',
        sourceName: '',
        contentSha256,
        knownAt,
        rows: changed,
        changed,
    });
    return changed;
}
