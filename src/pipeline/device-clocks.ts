import { isEditFeed } from '../contracts/edit-feed.ts';
import { addDays, type CalendarDate } from '../kernel/calendar-date.ts';
import { GridtallyError } from '../kernel/errors.ts';
import { marketDayOf } from '../kernel/market-day.ts';
import { newestMarketDay } from '../lake/refresh-state.ts';
import { type ClockDrift, clockDrift, DRIFT_LIMIT_MINUTES } from '../vee/clock-drift.ts';
import { type Chain, feedsOf } from './chain.ts';

export interface DeviceClocksQuestion {
    readonly feed?: string;
    /** Market days, half-open. */
    readonly from?: CalendarDate;
    readonly to?: CalendarDate;
    readonly limitMinutes?: number;
}

/** Long enough that a daily delivery shows its least age, short enough that a clock that was set since is seen by itself. */
const DAYS = 31;

/**
 * How far the clocks of devices are off, by contracts as they are now; without days, over the last 31 market days that have readings.
 * Throws `feed.unknown` and, where the end is not after the start, `usage.invalid`.
 */
export async function deviceClocks(chain: Chain, question: DeviceClocksQuestion = {}): Promise<ClockDrift> {
    const { lake } = chain;
    const to = question.to ?? addDays(await lastDay(chain), 1);
    const from = question.from ?? addDays(to, -DAYS);
    if (from >= to)
        throw new GridtallyError('usage.invalid', `${to} is not after ${from}: the end is exclusive`);
    return clockDrift(lake, {
        from,
        to,
        limitMinutes: question.limitMinutes ?? DRIFT_LIMIT_MINUTES,
        feeds: await deviceFeeds(chain, question.feed),
    });
}

async function lastDay({ lake }: Chain): Promise<CalendarDate> {
    const newest = (await newestMarketDay(lake)) ?? marketDayOf(lake.zone, lake.clock.now());
    return lake.horizon !== undefined && lake.horizon < newest ? lake.horizon : newest;
}

/** A person's edits are feeds, and have no clock; when a register is read says nothing about one. */
async function deviceFeeds(
    chain: Chain,
    name: string | undefined,
): Promise<Parameters<typeof clockDrift>[1]['feeds']> {
    const feeds = (await feedsOf(chain)).filter(
        ({ contract }) => !isEditFeed(contract.feed) && contract.kind === 'interval',
    );
    const named = feeds.filter(({ contract }) => name === undefined || contract.feed === name);
    if (name !== undefined && named.length === 0) {
        const names = feeds.map(({ contract }) => contract.feed).join(', ') || 'none';
        throw new GridtallyError(
            'feed.unknown',
            `No feed named ${name} has delivered to this home; there are: ${names}.`,
        );
    }
    return named.map(({ feedId, contract }) => ({
        feedId,
        name: contract.feed,
        identifies: contract.reading.identifies,
        isBackfill: contract.delivery.isBackfill,
    }));
}
