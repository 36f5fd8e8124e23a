import type { EngineSession, EngineValue } from '../engine/engine.ts';
import {
    addDays,
    type CalendarDate,
    calendarDate,
    type DatePeriod,
    listDays,
} from '../kernel/calendar-date.ts';
import type { Zone } from '../kernel/zone.ts';
import {
    type AsKnown,
    highestChannelNo,
    type RegisterDial,
    registerDials,
} from '../registry/channel-directory.ts';
import type { Transaction } from '../store/database.ts';
import { registerMarketDays } from './curation-job.ts';
import type { Lake, PartitionKey } from './lake.ts';
import { materialiseModel } from './session-models.ts';
import { readValidationInputs, registerValidation, type ValidationInputs } from './validation-inputs.ts';

export interface SpanInputs {
    readonly dials: readonly RegisterDial[];
    readonly validation: ValidationInputs;
}

export interface AdvanceInputs {
    readonly zone: Zone;
    /** Relations of the session, in the shape of the lake's tables and of the channel snapshot. */
    readonly readsInterval: string;
    readonly readsDaily: string;
    readonly channels: string;
}

/** What spans are made by, of one moment where `db` is a transaction that is. */
export async function readSpanInputs(
    lake: Lake,
    db: Pick<Transaction, 'query'>,
    known: AsKnown = {},
): Promise<SpanInputs> {
    const [range] = await db.query<{ first: CalendarDate | null; last: CalendarDate | null }>(
        `select min(market_day) as first, max(market_day) as last from partitions where table_name = 'register_versions'`,
    );
    const { first, last } = range ?? {};
    const end = Math.floor((await highestChannelNo(db)) / lake.bucketSize) + 1;
    const keys =
        first && last
            ? Array.from({ length: end }, (_, bucket) =>
                  [first, last].map((marketDay) => ({ marketDay, bucket })),
              )
            : [];
    return readSpanSettings(lake, db, keys.flat(), known);
}

/** The same of the days from the first to the last of the partitions. */
export async function readSpanSettings(
    lake: Lake,
    db: Pick<Transaction, 'query'>,
    partitions: readonly PartitionKey[],
    known: AsKnown = {},
): Promise<SpanInputs> {
    return {
        dials: await registerDials(db, known),
        validation: await readValidationInputs(lake, db, partitions, { ...known, judgesRegisters: true }),
    };
}

const OWN = 'register_';
const NAMES: Readonly<Record<string, string>> = {
    rule_settings: `${OWN}rule_settings`,
    channel_classes: `${OWN}channel_classes`,
    channel_ratings: `${OWN}channel_ratings`,
    market_days: 'register_days',
};

/**
 * Makes the session's table `register_spans` of register reads in the shape of `curated_reads`: the advances between consecutive reads, rollovers told from errors. What
 * it needs of readings is nothing, so an estimate may be scaled to an advance.
 */
export async function spanRegisters(
    session: EngineSession,
    { dials, validation }: SpanInputs,
    reads = 'curated_reads',
): Promise<void> {
    await session.registerRows(
        'register_dials',
        [
            { name: 'channel_no', type: 'integer' },
            { name: 'range_kwh', type: 'decimal(18,6)' },
            { name: 'multiplier', type: 'decimal(12,4)' },
        ],
        dials.map(({ channelNo, digits, multiplier }): EngineValue[] => [
            channelNo,
            digits === null ? null : `1${'0'.repeat(digits)}`,
            multiplier,
        ]),
    );
    await registerValidation(session, validation, OWN);
    const names = { ...NAMES, curated_reads: reads };
    await materialiseModel(session, 'register_spans', 'registers/register_spans', names);
}

/** Market days from the first to the last that a row of `register_spans` has part of, half-open; undefined: there is none. */
export async function spannedDays(session: EngineSession): Promise<DatePeriod | undefined> {
    const text = session.typeName('string');
    const [range] = await session.rows(
        `select cast(min(from_day) as ${text}) as first, cast(max(to_day) as ${text}) as last from register_spans`,
    );
    if (!range?.first) return undefined;
    return { from: calendarDate(String(range.first)), to: addDays(calendarDate(String(range.last)), 1) };
}

/** Makes the session's table `register_advances` of `register_spans`: what lies between the reads, and what the sum check says of it. */
export async function compareAdvances(session: EngineSession, inputs: AdvanceInputs): Promise<void> {
    const names = {
        ...NAMES,
        reads_interval: inputs.readsInterval,
        reads_daily: inputs.readsDaily,
        channels: inputs.channels,
    };
    const days = await spannedDays(session);
    await registerMarketDays(session, inputs, days === undefined ? [] : listDays(days), 'register_days');
    for (const model of ['span_days', 'register_advances'])
        await materialiseModel(session, model, `registers/${model}`, names);
}
