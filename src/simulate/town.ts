import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { instantText } from '../kernel/period.ts';
import { ChannelDays } from './channel-days.ts';
import { Deliveries } from './deliveries.ts';
import { DeliverySchedule } from './delivery-schedule.ts';
import { type TownHome, townHomes } from './homes.ts';
import { writeMasterFiles } from './master-files.ts';
import { deliveryBlocks, RegularPayloads } from './regular-payloads.ts';
import { TextFile } from './text-file.ts';
import { type TownDay, townDays } from './town-calendar.ts';
import { requireNewFolder } from './town-folder.ts';
import { planTown, type TownOptions, type TownPlan } from './town-options.ts';
import { type TownTotals, writeIntervals, writeTotals } from './truth-files.ts';
import { OF_NO_ROW, TruthTally } from './truth-tally.ts';
import { townWeather } from './weather.ts';

/**
 * Writes a simulated town into a folder: `master/` (and `master-late/`), `deliveries/` with `deliveries.ndjson`, and `truth/`.
 * The same options give the same bytes. `docs/simulator.md` describes the files.
 * @returns what stands in `truth/totals.json`
 * @throws GridtallyError `usage.invalid` for options that do not go together or a folder that is not empty
 */
export async function simulateTown(options: TownOptions): Promise<TownTotals> {
    const plan = planTown(options);
    const truth = join(plan.outFolder, 'truth');
    requireNewFolder(plan.outFolder);
    mkdirSync(truth, { recursive: true });
    const days = townDays(plan.zone, plan.from, plan.to);
    const homes = townHomes(plan, days);
    writeMasterFiles(plan, homes);
    const flaws = new TextFile(join(truth, 'flaws.ndjson'));
    const files = new TextFile(join(truth, 'files.ndjson'));
    const tally = new TruthTally(flaws, files);
    recordEvents(homes, tally);
    writeDeliveries(plan, days, homes, tally);
    flaws.close();
    files.close();
    if (plan.writesIntervals) await writeIntervals(truth, homes);
    return writeTotals(truth, homes, tally.totals);
}

function writeDeliveries(
    plan: TownPlan,
    days: readonly TownDay[],
    homes: readonly TownHome[],
    tally: TruthTally,
): void {
    const schedule = new DeliverySchedule();
    const deliveries = new Deliveries(plan, schedule, tally);
    const channelDays = new ChannelDays(plan, homes, schedule, tally);
    const weather = townWeather(plan.seed, days);
    for (const block of deliveryBlocks(days, plan.delivery)) {
        const regular = new RegularPayloads(plan.delivery, block);
        const dueDay = block.at(-1)?.index ?? 0;
        for (const day of block) {
            const fileOf = regular.fileOf.bind(regular);
            channelDays.writeDay(day, weather[day.index] ?? [], dueDay, fileOf);
            if (day.index < dueDay) deliveries.deliverFollowUps(day.index);
        }
        for (const payload of regular.list()) deliveries.deliver(dueDay, payload);
        deliveries.deliverFollowUps(dueDay);
    }
    for (let day = days.length; !schedule.isEmpty; day += 1) deliveries.deliverFollowUps(day);
    deliveries.close();
}

/** Things of master data that a platform must keep in mind, though no row is wrong. */
function recordEvents(homes: readonly TownHome[], tally: TruthTally): void {
    for (const { channels, exchangedAt, movedOn } of homes) {
        const record = (flaw: 'exchanged' | 'moved', at: number, meter: string | undefined) =>
            tally.enter({
                ...OF_NO_ROW,
                flaw,
                file: null,
                meter: meter ?? null,
                period_from: instantText(at),
                expected: 'recorded',
            });
        if (exchangedAt !== undefined) record('exchanged', exchangedAt, channels.at(-1)?.meterId);
        if (movedOn !== undefined) record('moved', movedOn.from, channels[0]?.meterId);
    }
}
