import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { instantText } from '../../src/kernel/period.ts';
import { type RandomStream, randomStream } from '../../src/simulate/random-stream.ts';
import type { EditSummary } from '../../src/vee/edit-ledger.ts';
import type { Besides } from '../chain/town-comparison.ts';
import type { ProcessEnd } from './chaos-process.ts';

interface Interval {
    readonly meter: string;
    readonly register: string;
    readonly from: number;
    readonly to: number;
}

const INTERVALS_MAX = 4;
const BY = ['--by', 'somebody'];

/**
 * Values that a person enters, at any moment, for intervals that are measured in truth, and takes back in the end: while they stand everything may look at
 * them, and afterwards nothing may tell of them but the counts.
 */
export class ChaosEdits {
    readonly #random: RandomStream;
    readonly #measured: readonly Interval[];
    readonly #acknowledged = new Set<number>();

    constructor(seed: string, townFolder: string) {
        this.#random = randomStream(seed, 'edits');
        this.#measured = measuredIntervals(townFolder);
    }

    /** Arguments of an edit of one interval or some that follow each other; undefined in a town without any. */
    next(): string[] | undefined {
        const at = this.#random.between(0, this.#measured.length - 1);
        const first = this.#measured[at];
        if (first === undefined) return undefined;
        const wanted = this.#random.between(1, INTERVALS_MAX);
        let last = first;
        for (const next of this.#measured.slice(at + 1, at + wanted)) {
            const follows =
                next.meter === first.meter && next.register === first.register && next.from === last.to;
            if (!follows) break;
            last = next;
        }
        const value = ['--register', first.register, '--kwh', `${this.#random.between(0, 99)}.125`];
        const span = [first.meter, instantText(first.from), instantText(last.to)];
        return ['edit', ...span, ...value, ...BY, '--reason', 'it was seen'];
    }

    /** Whoever was told a number finds the edit again. */
    acknowledge({ document }: ProcessEnd): void {
        if (typeof document?.editNo === 'number') this.#acknowledged.add(document.editNo);
    }

    async takeBack(
        quietly: (args: readonly string[]) => Promise<ProcessEnd>,
    ): Promise<Besides & { readonly findings: readonly string[] }> {
        const { document } = await quietly(['edit', 'list']);
        const edits = (Array.isArray(document) ? document : []) as EditSummary[];
        const listed = new Set(edits.map(({ editNo }) => editNo));
        const lost = [...this.#acknowledged].filter((editNo) => !listed.has(editNo));
        for (const { editNo } of edits)
            await quietly(['edit', 'withdraw', String(editNo), ...BY, '--reason', 'it was not so']);
        return {
            files: 2 * edits.length,
            rows: 2 * edits.reduce((sum, { intervalCount }) => sum + intervalCount, 0),
            findings: lost.map((editNo) => `edit ${editNo} was acknowledged and is lost`),
        };
    }
}

/** Those of meters that are registered from the beginning: others are unknown as long as it takes. */
function measuredIntervals(townFolder: string): Interval[] {
    const points = readFileSync(path.join(townFolder, 'master', 'metering-points.csv'), 'utf8');
    const registered = new Set(linesOf(points).map(([, meter]) => meter));
    const truth = gunzipSync(readFileSync(path.join(townFolder, 'truth', 'intervals.csv.gz')));
    return linesOf(truth.toString()).flatMap(([meter = '', register = '', from = '', minutes, , quality]) => {
        if (quality !== 'good' || !registered.has(meter)) return [];
        const at = Date.parse(from);
        return [{ meter, register, from: at, to: at + Number(minutes) * 60_000 }];
    });
}

function linesOf(csv: string): string[][] {
    const [, ...lines] = csv.trim().split('\n');
    return lines.map((line) => line.split(','));
}
