import { refreshReadings } from '../src/pipeline/chain.ts';
import { publishOpen } from '../src/pipeline/open-tables.ts';
import { readStatus } from '../src/pipeline/status.ts';
import { bytesBelow } from './folder-bytes.ts';
import { ingestFile, withoutVee, withTownHome } from './home.ts';
import { peerDuckdb } from './peer-duckdb.ts';

export interface Spent {
    readonly seconds: number;
    readonly cpuSeconds: number;
}

export interface StageReport extends Spent {
    /** What the stage did one after the other, where it says so; they add up to it. */
    readonly parts?: Readonly<Record<string, Spent>>;
}

/** Times stages by wall and by the process's own CPU. */
export class StageClock {
    readonly stages: Record<string, StageReport> = {};

    /** @param work calls `ends` with the name of a part when that has ended; the next one begins there */
    async time<T>(name: string, work: (ends: (part: string) => void) => Promise<T>): Promise<T> {
        const began = now();
        let partBegan = began;
        const parts: Record<string, Spent> = { ...this.stages[name]?.parts };
        const result = await work((part) => {
            const at = now();
            parts[part] = sumOf(parts[part], between(partBegan, at));
            partBegan = at;
        });
        const spent = sumOf(this.stages[name], between(began, now()));
        this.stages[name] = Object.keys(parts).length === 0 ? spent : { ...spent, parts };
        return result;
    }

    total(): Spent {
        const all = Object.values(this.stages);
        return {
            seconds: all.reduce((sum, s) => sum + s.seconds, 0),
            cpuSeconds: all.reduce((sum, s) => sum + s.cpuSeconds, 0),
        };
    }
}

function now(): Spent {
    const { user, system } = process.cpuUsage();
    return { seconds: performance.now() / 1000, cpuSeconds: (user + system) / 1e6 };
}

function between(from: Spent, to: Spent): Spent {
    return { seconds: to.seconds - from.seconds, cpuSeconds: to.cpuSeconds - from.cpuSeconds };
}

function sumOf(a: Spent | undefined, b: Spent): Spent {
    return { seconds: (a?.seconds ?? 0) + b.seconds, cpuSeconds: (a?.cpuSeconds ?? 0) + b.cpuSeconds };
}

/** Master data are there before: not a part of what is compared. */
function gridtally(folder: string, clock: StageClock): Promise<object> {
    return withTownHome(folder, async (workspace) => {
        for (const name of ['readings.csv', 'corrections.csv'])
            await clock.time('receive, parse, append', async (ends) => {
                await ingestFile(workspace, folder, name, ({ stage }) => {
                    // one file: it is acknowledged, and nothing has looked inside
                    if (stage === 'receive') ends('receive');
                });
                ends('parse, append');
            });
        await clock.time('curate, roll up, commit', async (ends) => {
            const chain = withoutVee(workspace);
            // the two steps of `refreshAll`; jobs of the first run side by side, so their stages have no time of their own
            await refreshReadings(chain);
            ends('partitions');
            await publishOpen(chain, { bills: 'none' });
            ends('open tables');
        });
        const status = await readStatus(workspace.lake);
        return {
            check: { intervals: status.winning, kwh: status.kwh },
            writtenBytes: bytesBelow(workspace.home.lakeFolder) + bytesBelow(workspace.home.rawFolder),
        };
    });
}

async function main(side: string, folder: string): Promise<void> {
    const clock = new StageClock();
    const result = side === 'gridtally' ? await gridtally(folder, clock) : await peerDuckdb(folder, clock);
    const peakRssBytes = process.resourceUsage().maxRSS * 1024;
    process.stdout.write(
        `${JSON.stringify({ ...clock.total(), peakRssBytes, stages: clock.stages, ...result })}\n`,
    );
}

await main(process.argv[2] ?? '', process.argv[3] ?? '');
