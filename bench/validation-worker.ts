import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
    DEFAULT_VALIDATION,
    type RuleSetting,
    VALIDATION_RULES,
    type ValidationPolicy,
    type ValidationRuleId,
} from '../src/contracts/validation-rules.ts';
import { refreshDayMarks } from '../src/lake/day-marks.ts';
import { refresh } from '../src/lake/refresh.ts';
import { type Chain, feedsOf, precedenceOf } from '../src/pipeline/chain.ts';
import { readStatus } from '../src/pipeline/status.ts';
import { ingestFile, NO_RULES, withoutVee, withTownHome } from './home.ts';
import type { RuleCost, ValidationResult } from './validation.ts';

const DEFAULTS = DEFAULT_VALIDATION.rules;
const IDS = Object.keys(VALIDATION_RULES) as ValidationRuleId[];
const ofScopes = (scopes: readonly string[]) =>
    IDS.filter((id) => scopes.includes(VALIDATION_RULES[id].scope));
/** Rules that curation judges by; those about registers make no partition stale. */
const OWN_DAY = ofScopes(['day', 'interval']);
const BESIDE_DAYS = ofScopes(['other-days', 'other-channels']);

/** All rules off but these. */
function policyWith(on: Partial<Record<ValidationRuleId, RuleSetting>>): ValidationPolicy {
    return { ...NO_RULES, rules: { ...NO_RULES.rules, ...on } };
}

function named(ids: readonly ValidationRuleId[]): Partial<Record<ValidationRuleId, RuleSetting>> {
    return Object.fromEntries(ids.map((id) => [id, DEFAULTS[id]]));
}

async function cpuSecondsOf(work: () => Promise<unknown>): Promise<number> {
    const before = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1e6;
}

/** Every partition is curated anew, because its settings differ from those it was made by. */
async function curate(chain: Chain, policy: ValidationPolicy): Promise<number> {
    const lake = { ...withoutVee(chain).lake, validation: policy };
    const feeds = precedenceOf(await feedsOf(chain));
    return cpuSecondsOf(() => refresh(lake, async () => feeds));
}

async function measure(
    chain: Chain,
    rounds: number,
): Promise<Omit<ValidationResult, 'meters' | 'days' | 'readings'>> {
    // limits that no day of the town keeps: what readings of failed days cost
    const spikes = { severity: 'mark', parameters: { percent: 1000, leastKw: 0 } } as const;
    const variants: [string, ValidationPolicy][] = [
        ...OWN_DAY.map((id): [string, ValidationPolicy] => [`${id} alone`, policyWith(named([id]))]),
        ['all of these', policyWith(named(OWN_DAY))],
        ['all, and a spike on every day', policyWith({ ...named(OWN_DAY), 'vee.spike': spikes })],
    ];
    const off = policyWith({});
    let base = Number.POSITIVE_INFINITY;
    const costs = new Map<string, RuleCost>();
    for (let round = 0; round < rounds; round++) {
        for (const [rules, policy] of variants) {
            const cpuSeconds = await curate(chain, policy);
            const { failedByRule } = await readStatus(chain.lake);
            const flagged = Object.entries(failedByRule)
                .filter(([id]) => id !== 'vee.interval-count')
                .reduce((sum, [, n]) => sum + n, 0);
            const before = costs.get(rules)?.cpuSeconds ?? Number.POSITIVE_INFINITY;
            costs.set(rules, { rules, cpuSeconds: Math.min(before, cpuSeconds), flagged });
        }
        base = Math.min(base, await curate(chain, off));
    }
    let estimation = Number.POSITIVE_INFINITY;
    let estimated = 0;
    for (let round = 0; round < rounds; round++) {
        // other settings of a rule that is off make everything stale
        const zero = {
            ...DEFAULTS['vee.zero'],
            severity: 'off',
            parameters: { hours: 1000 * (round + 2) },
        } as const;
        const lake = { ...chain.lake, validation: policyWith({ 'vee.zero': zero }) };
        const feeds = precedenceOf(await feedsOf(chain));
        estimation = Math.min(estimation, await cpuSecondsOf(() => refresh(lake, async () => feeds)));
        estimated = (await readStatus(chain.lake)).intervalsEstimatedHere;
    }
    const lake = { ...chain.lake, validation: policyWith(named(BESIDE_DAYS)) };
    const dayMarksCpuSeconds = await cpuSecondsOf(() => refreshDayMarks(lake));
    return {
        baseCpuSeconds: base,
        costs: [...costs.values()],
        estimationCpuSeconds: estimation,
        estimated,
        dayMarksCpuSeconds,
    };
}

/** Takes a hundredth of the readings away, in runs of one to twelve hours and some whole days. */
function withGaps(file: string): void {
    const [header = '', ...lines] = readFileSync(file, 'utf8').split('\n');
    const kept = lines.filter((line) => {
        const [meter = '', readAt = ''] = line.split(',');
        const digest = createHash('sha256')
            .update(`${meter} ${readAt.slice(0, 10)}`)
            .digest();
        if ((digest[0] ?? 0) >= 5) return true;
        const from = (digest[1] ?? 0) % 24;
        const hours = (digest[2] ?? 0) % 4 === 0 ? 24 : 1 + ((digest[2] ?? 0) % 12);
        const hour = Number(readAt.slice(11, 13));
        return hour < from || hour >= from + hours;
    });
    writeFileSync(file, `${header}\n${kept.join('\n')}`);
}

async function main(folder: string, days: number, rounds: number): Promise<void> {
    await withTownHome(folder, async (workspace) => {
        for (let n = 0; n < days; n++)
            for (const name of ['readings.csv', 'corrections.csv']) {
                const file = n === 0 ? name : `day-${n}/${name}`;
                if (name === 'readings.csv') withGaps(path.join(folder, 'town', file));
                await ingestFile(workspace, folder, file);
            }
        // the first time everything is read from a disk that has just been written
        await curate(workspace, policyWith({ 'vee.zero': { ...DEFAULTS['vee.zero'], severity: 'hold' } }));
        await curate(workspace, policyWith({}));
        process.stdout.write(`${JSON.stringify(await measure(workspace, rounds))}\n`);
    });
}

await main(process.argv[2] ?? '', Number(process.argv[3]), Number(process.argv[4]));
