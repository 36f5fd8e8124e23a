import type { CalendarDate } from '../kernel/calendar-date.ts';
import { instantText } from '../kernel/period.ts';
import type { Transaction } from '../store/database.ts';
import { believedAt } from './believed-table.ts';

/** A channel and when it is installed. Instants are UTC epoch milliseconds, the validity is half-open. */
export interface ChannelEntry {
    readonly channelNo: number;
    readonly meteringPointId: string;
    readonly meterId: string;
    readonly registerId: string;
    readonly flow: 'to_customer' | 'from_customer';
    readonly intervalMinutes: number;
    /** null: since always. */
    readonly validFromMs: number | null;
    /** null: open. */
    readonly validToMs: number | null;
    /** First market day on which readings are missed; null: that of `validFromMs`. */
    readonly expectedFrom: CalendarDate | null;
}

/** For readers of master data: with `knownAt` (UTC epoch milliseconds), what was believed then; else what is believed now. */
export interface AsKnown {
    readonly knownAt?: number;
}

/**
 * All channels in the order of their numbers, as believed now or at `knownAt`; with `numbers` (half-open) only those, because a market's
 * are too many to hold at once.
 */
export async function channelDirectory(
    db: Pick<Transaction, 'query'>,
    options: AsKnown & { readonly numbers?: { readonly from: number; readonly to: number } } = {},
): Promise<ChannelEntry[]> {
    const { numbers } = options;
    const range = '($2::integer is null or v.channel_no >= $2 and v.channel_no < $3)';
    return db.query<ChannelEntry>(directoryQuery(range), [
        knownAtText(options),
        numbers?.from ?? null,
        numbers?.to ?? null,
    ]);
}

/** The same of some channels, as believed now. */
export async function channelEntriesOf(
    db: Pick<Transaction, 'query'>,
    channelNos: readonly number[],
): Promise<ChannelEntry[]> {
    return db.query<ChannelEntry>(directoryQuery('c.channel_no = any($2)'), [null, channelNos]);
}

function directoryQuery(condition: string): string {
    return `select c.channel_no as "channelNo", m.metering_point_id as "meteringPointId",
             w.meter_id as "meterId", c.register_id as "registerId", c.flow,
             c.interval_minutes as "intervalMinutes",
             lower(v.valid_during) as "validFromMs", upper(v.valid_during) as "validToMs",
             v.expected_from as "expectedFrom"
         from channel_validities v join channels c using (channel_no)
             join metering_points m on m.metering_point_no = v.metering_point_no
             join meters w on w.meter_no = v.meter_no
         where ${believedAt('v', '$1')} and ${condition}
         order by c.channel_no, lower(v.valid_during) nulls first`;
}

/** What the display of a channel's cumulative register is like. */
export interface RegisterDial {
    readonly channelNo: number;
    /** Whole kWh digits: after 10^digits the register begins anew. Null: unknown. */
    readonly digits: number | null;
    /** Exact text; an index times it is energy. Null: 1. */
    readonly multiplier: string | null;
}

/** Of the channels of which something is known, as believed now or at `knownAt`. */
export async function registerDials(
    db: Pick<Transaction, 'query'>,
    known: AsKnown = {},
): Promise<RegisterDial[]> {
    return db.query<RegisterDial>(
        `select channel_no as "channelNo", register_digits as digits, register_multiplier::text as multiplier
           from channel_validities v
          where (register_digits is not null or register_multiplier is not null) and ${believedAt('v', '$1')}
          order by channel_no`,
        [knownAtText(known)],
    );
}

/** The highest number that a channel has; 0: there is none. */
export async function highestChannelNo(db: Pick<Transaction, 'query'>): Promise<number> {
    const rows = await db.query<{ no: number }>('select coalesce(max(channel_no), 0) as no from channels');
    return rows[0]?.no ?? 0;
}

/** The parameter for `believedAt`. */
export function knownAtText({ knownAt }: AsKnown): string | null {
    return knownAt === undefined ? null : instantText(knownAt);
}
