import type { FeedContract } from '../contracts/feed-contract.ts';
import type { EngineRow, EngineSession } from '../engine/engine.ts';
import type { RefusedBatchPayload } from './form-limit.ts';
import { PAST_OF_PAYLOADS } from './moved-days.ts';
import { MOVED_CHANNELS_MIN, profileShift, SHIFT_THRESHOLD, type ShiftFinding } from './shift-statistic.ts';

/** The payloads of the session's table `payload_days` whose profile has moved against that of `past_days`. */
export async function movedStamps(
    engine: EngineSession,
    contract: FeedContract,
): Promise<RefusedBatchPayload[]> {
    const { intervalMinutes } = contract.reading;
    const slots = 1440 / intervalMinutes;
    const past = profiles(await engine.rows(pastProfiles(slots)), slots);
    const present = profiles(await engine.rows(presentProfiles(slots)), slots);
    const found: RefusedBatchPayload[] = [];
    for (const [payloadNo, days] of present) {
        const shift = profileShift(days, past.get(payloadNo) ?? [], intervalMinutes);
        if (shift && shift.statistic > SHIFT_THRESHOLD) {
            found.push({
                payloadNo,
                refused: { ruleId: 'file.stamps-moved', message: sentence(shift, contract) },
            });
        }
    }
    return found;
}

const slotSums = (kwh: string, slots: number) =>
    Array.from({ length: slots }, (_, i) => `sum(${kwh}[${i + 1}]) as s${i}`).join(', ');

function presentProfiles(slots: number): string {
    return `select payload_no, market_day_no, ${slotSums('kwh', slots)} from payload_days group by 1, 2 order by 1, 2`;
}

function pastProfiles(slots: number): string {
    return `select w.payload_no, d.market_day_no, ${slotSums('d.kwh', slots)} from ${PAST_OF_PAYLOADS}
    group by 1, 2 having count(*) >= ${MOVED_CHANNELS_MIN} order by 1, 2`;
}

function profiles(rows: readonly EngineRow[], slots: number): Map<number, number[][]> {
    const byPayload = new Map<number, number[][]>();
    for (const row of rows) {
        const payloadNo = Number(row.payload_no);
        const days = byPayload.get(payloadNo) ?? [];
        days.push(Array.from({ length: slots }, (_, i) => Number(row[`s${i}`])));
        byPayload.set(payloadNo, days);
    }
    return byPayload;
}

function sentence({ lag, statistic, days }: ShiftFinding, contract: FeedContract): string {
    const { intervalMinutes, stamp } = contract.reading;
    const by = `${Math.abs(lag) * intervalMinutes} minutes ${lag > 0 ? 'later' : 'earlier'}`;
    const clock =
        stamp.clock.kind === 'local'
            ? stamp.clock.zone
            : stamp.clock.kind === 'utc'
              ? 'UTC'
              : 'a fixed offset';
    return (
        `The profile of ${days === 1 ? 'the day' : `${days} days`} lies ${by} than that of the days before (statistic ${statistic.toFixed(1)}, limit ${SHIFT_THRESHOLD}). ` +
        `The contract ${contract.feed} ${contract.version} says that stamps mark the ${stamp.marks} of the interval, on the clock ${clock}: probably one of them has changed.`
    );
}
