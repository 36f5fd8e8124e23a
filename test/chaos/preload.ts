/** Runs in a `gridtally` of the chaos driver before its own first line: a terminal, a wrong clock, and a planted fault. */
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { type Change, isPlantedFault, PLANTED_FAULTS } from './planted-faults.ts';

// progress is shown on terminals only, and tells what has been acknowledged
Object.defineProperty(process.stderr, 'isTTY', { value: true });

const clockMs = Number(process.env.CHAOS_CLOCK_MS ?? '0');
if (clockMs !== 0) {
    const now = Date.now;
    Date.now = () => now() + clockMs;
}

const planted = process.env.CHAOS_PLANTED ?? '';
if (planted !== '') {
    if (!isPlantedFault(planted)) throw new Error(`${planted} is no fault that can be planted`);
    plant(PLANTED_FAULTS[planted]);
}

/** Changes the text of modules as they are loaded. */
function plant(changes: readonly Change[]): void {
    registerHooks({
        load(url, context, nextLoad) {
            const mine = changes.filter(({ file }) => url.endsWith(`/${file}`));
            if (mine.length === 0) return nextLoad(url, context);
            const source = readFileSync(fileURLToPath(url), 'utf8');
            return { format: 'module-typescript', source: mine.reduce(changed, source), shortCircuit: true };
        },
    });
}

/** The change must be possible, else a test with it could not fail. */
function changed(source: string, { file, before, after }: Change): string {
    const parts = source.split(before);
    if (parts.length !== 2)
        throw new Error(`${file} has ${parts.length - 1} times the text to change:\n${before}`);
    return parts.join(after);
}
