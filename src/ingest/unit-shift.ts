import type { EnergyUnit, FeedContract } from '../contracts/feed-contract.ts';
import type { EngineSession } from '../engine/engine.ts';
import { dateOfEpochDay } from '../kernel/calendar-date.ts';
import type { RefusedBatchPayload } from './form-limit.ts';
import { PAST_OF_PAYLOADS } from './moved-days.ts';
import { MOVED_CHANNELS_MIN } from './shift-statistic.ts';
import { movedUnit, type UnitFinding } from './unit-statistic.ts';

const ALL_UNITS: readonly EnergyUnit[] = ['kWh', 'Wh', 'MWh', 'kW'];

/**
 * The payloads of the session's table `payload_days` on one of whose days most channels take so much more or less energy than in `past_days`
 * that another unit must be meant than the one that they were read by.
 */
export async function movedUnits(
    engine: EngineSession,
    contract: FeedContract,
): Promise<RefusedBatchPayload[]> {
    await engine.materialise('past_energies', PAST_ENERGIES);
    await engine.materialise('usual_energies', USUAL_ENERGIES);
    const usual = Map.groupBy(await engine.rows(USUAL_RATIOS), (row) => Number(row.payload_no));
    const takenFor = namesUnits(contract) ? ALL_UNITS : [contract.reading.unit];
    const found = new Map<number, RefusedBatchPayload>();
    for (const row of await engine.rows(PRESENT_RATIOS)) {
        const payloadNo = Number(row.payload_no);
        if (found.has(payloadNo)) continue;
        const change = {
            logRatio: Number(row.log_ratio),
            usual: (usual.get(payloadNo) ?? []).map((day) => Number(day.log_ratio)),
        };
        const finding = movedUnit(change, takenFor, contract.reading.intervalMinutes);
        if (!finding) continue;
        const day = dateOfEpochDay(Number(row.market_day_no));
        const message = sentence(finding, { day, channels: Number(row.channels) }, contract);
        found.set(payloadNo, { payloadNo, refused: { ruleId: 'file.unit-moved', message } });
    }
    return [...found.values()];
}

const PAST_ENERGIES = `select w.payload_no, d.channel_no, d.market_day_no, list_sum(d.kwh) as kwh from ${PAST_OF_PAYLOADS}`;

/** What a day of a channel that takes energy usually has. */
const USUAL_ENERGIES = `select payload_no, channel_no, median(kwh) as kwh from past_energies group by 1, 2 having median(kwh) > 0`;

const PRESENT_RATIOS = `with present as (
        select payload_no, channel_no, market_day_no, list_sum(kwh) as kwh from payload_days)
    select p.payload_no, p.market_day_no, median(log10(p.kwh / u.kwh)) as log_ratio, count(*) as channels
    from present as p inner join usual_energies as u on u.payload_no = p.payload_no and u.channel_no = p.channel_no
    where p.kwh > 0 group by 1, 2 having count(*) >= ${MOVED_CHANNELS_MIN} order by 1, 2`;

const USUAL_RATIOS = `select e.payload_no, e.market_day_no, median(log10(e.kwh / u.kwh)) as log_ratio
    from past_energies as e inner join usual_energies as u on u.payload_no = e.payload_no and u.channel_no = e.channel_no
    where e.kwh > 0 group by 1, 2 having count(*) >= ${MOVED_CHANNELS_MIN} order by 1, 2`;

/** Whether rows say their own unit, so that the contract's is only that of those which do not. */
function namesUnits(contract: FeedContract): boolean {
    return contract.columns.some(({ role }) => role === 'unit');
}

function sentence(
    { unit, takenFor, ratio, statistic }: UnitFinding,
    { day, channels }: { readonly day: string; readonly channels: number },
    contract: FeedContract,
): string {
    const times = ratio >= 1 ? `${readable(ratio)} times` : `1/${readable(1 / ratio)} of`;
    const said = namesUnits(contract)
        ? `By the contract ${contract.feed} ${contract.version} rows name their unit: probably a wrong one, as where ${unit} are called ${takenFor}.`
        : `The contract ${contract.feed} ${contract.version} says that values are ${takenFor}: probably they are ${unit} now.`;
    return `On ${day} the energy of ${channels} channels is ${times} what it was on the days before (median; ${statistic.toFixed(0)} times what days differ by). ${said}`;
}

function readable(ratio: number): string {
    return ratio.toPrecision(3).includes('e')
        ? String(Math.round(ratio))
        : String(Number(ratio.toPrecision(3)));
}
