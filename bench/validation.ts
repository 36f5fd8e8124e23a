import path from 'node:path';
import { addDays, calendarDate } from '../src/kernel/calendar-date.ts';
import { bulkDay } from '../src/simulate/bulk-day.ts';
import { runWorker, TOWN_DATE, TOWN_ZONE, withTown } from './town.ts';

/** What curation takes with some of the rules on: CPU seconds, the least of the rounds, because other work only adds to them. */
export interface RuleCost {
    readonly rules: string;
    readonly cpuSeconds: number;
    /** Of the readings that were judged, those that carry a flag. */
    readonly flagged: number;
}

export interface ValidationResult {
    readonly meters: number;
    readonly days: number;
    readonly readings: number;
    /** Curation and rollups with all rules off. */
    readonly baseCpuSeconds: number;
    readonly costs: readonly RuleCost[];
    /** Marks beside other days, after the readings. */
    readonly dayMarksCpuSeconds: number;
}

/** Enough for the last day to have four weeks before it. */
const DAYS = 29;

/** Weeks of quarter-hours, curated anew with no rule, with each rule alone, and with all of them. */
export function benchValidation(meters: number, rounds: number): Promise<ValidationResult> {
    return withTown({ name: 'validation', meters, correctionsRate: 0.01 }, async (folder, first) => {
        let readings = first.rows + first.correctionRows;
        for (let n = 1; n < DAYS; n++) {
            const day = bulkDay({
                outFolder: path.join(folder, 'town', `day-${n}`),
                seed: `bench ${n}`,
                meters,
                minutes: 15,
                date: addDays(calendarDate(TOWN_DATE), n),
                marketZone: TOWN_ZONE,
                correctionsRate: 0.01,
            });
            readings += day.rows + day.correctionRows;
        }
        const args = [folder, String(DAYS), String(rounds)];
        const timed = await runWorker<Omit<ValidationResult, 'meters' | 'days' | 'readings'>>(
            'validation-worker.ts',
            args,
        );
        return { meters, days: DAYS, readings, ...timed };
    });
}

/** The report that `npm run bench -- validation` prints. */
export function validationText(result: ValidationResult): string {
    const { meters, days, readings, baseCpuSeconds, costs, dayMarksCpuSeconds } = result;
    const percent = (seconds: number) => `${((seconds / baseCpuSeconds) * 100).toFixed(1)} %`;
    const line = (name: string, seconds: number, more: string) =>
        `  ${name.padEnd(32)} ${`${seconds >= 0 ? '+' : ''}${seconds.toFixed(2)}`.padStart(7)} s ${percent(seconds).padStart(8)}${more}`;
    return [
        `${readings.toLocaleString('en')} readings of ${meters.toLocaleString('en')} meters on ${days} days; CPU of curation and rollups, the least of each:`,
        `  ${'no rule'.padEnd(32)} ${baseCpuSeconds.toFixed(2).padStart(7)} s`,
        ...costs.map((c) =>
            line(c.rules, c.cpuSeconds - baseCpuSeconds, `  ${c.flagged.toLocaleString('en')} flagged`),
        ),
        line('marks beside other days', dayMarksCpuSeconds, ''),
        '',
    ].join('\n');
}
