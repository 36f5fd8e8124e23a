import type { SeedRun } from './seed-run.ts';

const FINDINGS_SHOWN = 12;

/** One line of a seed that went well; of another what it ran, what was found, and how to run it again. */
export function seedText({ seed, findings, events, counts, seconds }: SeedRun): string {
    const told = `${counts.processes} processes, ${counts.crashes} killed, ${seconds.toFixed(1)} s`;
    if (findings.length === 0) return `ok ${seed}: ${told}`;
    const more = findings.length - FINDINGS_SHOWN;
    return [
        `NOT OK ${seed}: ${told}; again with \`npm run chaos -- --seeds 1 --from ${seed}\``,
        ...events.map((event) => `  ran: ${event}`),
        ...findings.slice(0, FINDINGS_SHOWN).map((finding) => `  found: ${finding}`),
        ...(more > 0 ? [`  and ${more} more`] : []),
    ].join('\n');
}

export function failuresText({ failed }: { readonly failed: readonly SeedRun[] }): string {
    return failed.map(seedText).join('\n');
}
