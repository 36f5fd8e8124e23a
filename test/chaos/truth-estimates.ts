import type { EngineRow } from '../../src/engine/engine.ts';
import { addDays, calendarDate } from '../../src/kernel/calendar-date.ts';
import { decimalOf, formatDecimal } from '../../src/kernel/decimal.ts';
import { zoneOf } from '../../src/kernel/zone.ts';
import { naiveEstimates } from '../chain/naive-estimates.ts';
import type { Estimating } from '../chain/town-comparison.ts';
import { type ChaosPlan, ZONE } from './seed-plan.ts';

/** Computes the estimates of a town's gaps from the truth, a second time and by other code, and enters them into the session's `truth`. */
export function estimatesFromTruth(plan: ChaosPlan): Estimating {
    return async (session) => {
        const rows = await session.rows('select meter_id, register, at_ms, kwh, quality from truth');
        const channels = [...Map.groupBy(rows, (row) => `${row.meter_id} ${row.register}`).values()];
        const estimates = channels.flatMap((channel) => estimatesOf(channel, plan));
        await session.registerRows(
            'truth_estimates',
            [
                { name: 'meter_id', type: 'string' },
                { name: 'register', type: 'string' },
                { name: 'at_ms', type: 'bigint' },
                { name: 'kwh', type: 'string' },
            ],
            estimates,
        );
        await session.run(
            `create or replace temp table truth as
             select t.meter_id, t.register, t.at_ms, t.minutes, coalesce(e.kwh, t.kwh) as kwh,
                case when e.kwh is null then t.quality else 'estimated' end as quality
               from truth as t left join truth_estimates as e using (meter_id, register, at_ms)`,
        );
        return estimates.length;
    };
}

function estimatesOf(channel: readonly EngineRow[], plan: ChaosPlan): [string, string, number, string][] {
    const measured = new Map<number, number>();
    const gaps = new Set<number>();
    for (const { at_ms, kwh, quality } of channel) {
        if (quality === 'good') measured.set(Number(at_ms), Number(String(kwh).replace('.', '')));
        if (quality === 'missing') gaps.add(Number(at_ms));
    }
    const days = { first: calendarDate(plan.town.from), end: addDays(plan.lastDay, 1) };
    const isGap = (at: number) => gaps.has(at);
    const estimates = naiveEstimates({ measured, isGap, methods: plan.methods }, zoneOf(ZONE), days);
    const { meter_id, register } = channel[0] ?? {};
    return [...estimates].map(([at, { micro }]) => [
        String(meter_id),
        String(register),
        at,
        formatDecimal(decimalOf(BigInt(micro), 6), { minScale: 6 }),
    ]);
}
