import type { RegisterHold } from '../billing/rating-dimensions.ts';
import { CHANNEL_SNAPSHOT, LAKE_TABLES } from '../contracts/lake-tables.ts';
import {
    VALIDATION_RULES,
    type ValidationPolicy,
    type ValidationRuleId,
} from '../contracts/validation-rules.ts';
import type { EngineSession } from '../engine/engine.ts';
import { addDays, type CalendarDate, type DatePeriod, listDays } from '../kernel/calendar-date.ts';
import { marketDayOf } from '../kernel/market-day.ts';
import { distinctPaths, liveFiles } from '../lake/catalogue.ts';
import { channelRow } from '../lake/channel-row.ts';
import type { Lake } from '../lake/lake.ts';
import { compareAdvances, readSpanInputs, spannedDays, spanRegisters } from '../lake/register-advances.ts';
import { decideRegisterReads, type RegisterFeed } from '../lake/register-reads.ts';
import type { ChannelEntry } from '../registry/channel-directory.ts';
import type { Transaction } from '../store/database.ts';

/**
 * The days of a period that are part of an advance which fails a rule of severity `hold`. Reads nothing where no rule about registers holds bills, and
 * else every register read, with the readings of the advances that reach into the period.
 */
export async function registerHolds(
    lake: Lake,
    tx: Transaction,
    asked: {
        readonly channels: readonly ChannelEntry[];
        readonly feeds: readonly RegisterFeed[];
        readonly period: DatePeriod;
    },
): Promise<RegisterHold[]> {
    if (!holdsBills(lake.validation)) return [];
    const files = await liveFiles(lake, 'register_versions', {}, tx);
    if (files.length === 0) return [];
    const { channels, feeds, period } = asked;
    const session = await lake.engine.openSession();
    try {
        await session.registerFiles('versions', LAKE_TABLES.register_versions, distinctPaths(files));
        await session.registerRows('channels', CHANNEL_SNAPSHOT, channels.map(channelRow));
        await decideRegisterReads(session, { versions: 'versions', channels: 'channels', feeds });
        await spanRegisters(session, await readSpanInputs(lake, tx));
        await session.materialise(
            'register_spans',
            `select * from register_spans where to_day >= date '${period.from}' and from_day < date '${period.to}'`,
        );
        await registerReadings(session, lake, tx);
        const names = { readsInterval: 'reads_interval', readsDaily: 'reads_daily', channels: 'channels' };
        await compareAdvances(session, { zone: lake.zone, ...names });
        return await heldDays(session, lake, period);
    } finally {
        await session.close();
    }
}

function holdsBills({ rules, classes }: ValidationPolicy): boolean {
    const ids = (Object.keys(VALIDATION_RULES) as ValidationRuleId[]).filter(
        (id) => VALIDATION_RULES[id].scope === 'register',
    );
    return [rules, ...Object.values(classes)].some((settings) =>
        ids.some((id) => settings[id].severity === 'hold'),
    );
}

/** The published readings of the days that the spans have. */
async function registerReadings(session: EngineSession, lake: Lake, tx: Transaction): Promise<void> {
    const days = await spannedDays(session);
    for (const table of ['reads_interval', 'reads_daily'] as const) {
        const files = days === undefined ? [] : await liveFiles(lake, table, days, tx);
        await session.registerFiles(table, LAKE_TABLES[table], distinctPaths(files));
    }
}

async function heldDays(session: EngineSession, lake: Lake, period: DatePeriod): Promise<RegisterHold[]> {
    const rows = await session.rows(
        `select channel_no, holds, epoch_ms(read_from) as from_ms, epoch_ms(read_to) as to_ms from register_advances
          where holds is not null order by channel_no, read_from`,
    );
    const held = new Map<string, RegisterHold>();
    for (const row of rows) {
        const from = marketDayOf(lake.zone, Number(row.from_ms));
        // a read at the first instant of a day ends the advance with the day before
        const to = addDays(marketDayOf(lake.zone, Number(row.to_ms) - 1), 1);
        for (const day of listDays({ from: later(from, period.from), to: earlier(to, period.to) })) {
            for (const ruleId of String(row.holds).split(',')) {
                const channelNo = Number(row.channel_no);
                held.set(`${channelNo} ${day} ${ruleId}`, { channelNo, day, ruleId });
            }
        }
    }
    return [...held.values()];
}

function later(a: CalendarDate, b: CalendarDate): CalendarDate {
    return a > b ? a : b;
}

function earlier(a: CalendarDate, b: CalendarDate): CalendarDate {
    return a < b ? a : b;
}
