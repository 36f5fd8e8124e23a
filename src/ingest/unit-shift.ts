import type { FeedContract } from '../contracts/feed-contract.ts';
import type { EngineSession } from '../engine/engine.ts';
import type { RefusedBatchPayload } from './form-limit.ts';
import { MOVED_CHANNELS_MIN } from './shift-statistic.ts';
import { movedUnit, type UnitFinding } from './unit-statistic.ts';

/**
 * The payloads of the session's table `payload_days` whose channels take so much more or less energy than in `past_days`, most of
 * them together, that another unit than the contract's must be meant.
 */
export async function movedUnits(
    engine: EngineSession,
    contract: FeedContract,
): Promise<RefusedBatchPayload[]> {
    await engine.materialise('channel_energies', CHANNEL_ENERGIES);
    const usual = Map.groupBy(await engine.rows(USUAL_RATIOS), (row) => Number(row.payload_no));
    const found: RefusedBatchPayload[] = [];
    for (const row of await engine.rows(PRESENT_RATIOS)) {
        const payloadNo = Number(row.payload_no);
        const change = {
            logRatio: Number(row.log_ratio),
            usual: (usual.get(payloadNo) ?? []).map((day) => Number(day.log_ratio)),
        };
        const { unit, intervalMinutes } = contract.reading;
        const finding = movedUnit(change, unit, intervalMinutes);
        if (finding)
            found.push({
                payloadNo,
                refused: {
                    ruleId: 'file.unit-moved',
                    message: sentence(finding, Number(row.channels), contract),
                },
            });
    }
    return found;
}

/** Of each channel that takes energy the mean of its days in the payload and before. */
const CHANNEL_ENERGIES = `with present as (
        select payload_no, channel_no, avg(list_sum(kwh)) as present_kwh from payload_days group by all),
    past as (select payload_no, channel_no, avg(list_sum(kwh)) as past_kwh from past_days group by all)
    select payload_no, channel_no, present_kwh, past_kwh
    from present inner join past using (payload_no, channel_no) where present_kwh > 0 and past_kwh > 0`;

const PRESENT_RATIOS = `select payload_no, median(log10(present_kwh / past_kwh)) as log_ratio, count(*) as channels
    from channel_energies group by 1 having count(*) >= ${MOVED_CHANNELS_MIN} order by 1`;

const USUAL_RATIOS = `select d.payload_no, d.market_day_no, median(log10(list_sum(d.kwh) / e.past_kwh)) as log_ratio
    from past_days as d inner join channel_energies as e using (payload_no, channel_no)
    where list_sum(d.kwh) > 0 group by 1, 2 having count(*) >= ${MOVED_CHANNELS_MIN} order by 1, 2`;

function sentence({ unit, ratio, statistic }: UnitFinding, channels: number, contract: FeedContract): string {
    const times = ratio >= 1 ? `${readable(ratio)} times` : `1/${readable(1 / ratio)} of`;
    return (
        `The energy of ${channels} channels is ${times} that of the days before (median; ${statistic.toFixed(0)} times what days differ by). ` +
        `The contract ${contract.feed} ${contract.version} says that values are ${contract.reading.unit}: probably they are ${unit} now.`
    );
}

function readable(ratio: number): string {
    return ratio.toPrecision(3).includes('e')
        ? String(Math.round(ratio))
        : String(Number(ratio.toPrecision(3)));
}
