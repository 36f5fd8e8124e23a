import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openWorkspace, type Workspace } from '../src/cli/workspace.ts';
import { knownFeed } from '../src/ingest/delivering-feeds.ts';
import { load } from '../src/pipeline/chain.ts';
import { readStatus } from '../src/pipeline/status.ts';
import { receive } from '../src/raw/receive.ts';
import { bulkDay } from '../src/simulate/bulk-day.ts';
import { removeDatabase } from '../src/store/embedded-postgres.ts';
import { HOME_FILE, initHome } from '../src/store/home.ts';
import { bytesBelow } from './folder-bytes.ts';

const run = promisify(execFile);
const WORKER = fileURLToPath(new URL('market-worker.ts', import.meta.url));
const DATE = '2024-05-01';
const FEED = 'market';

export interface MarketOptions {
    readonly channels: number;
    readonly workers: number;
    readonly bucketSize: number;
    /** Channels whose day is one file. */
    readonly channelsOfFile: number;
    /** Threads of the engine in each of many workers; the one that works alone has all cores. */
    readonly threads: number;
    /** What a session of the engine may hold, such as `1GB`. */
    readonly memory: string;
    /** Leaves out the process that works alone. */
    readonly isAloneSkipped: boolean;
}

/** What a number of workers took for the same payloads, from the first start to the last end. */
export interface MarketRun {
    readonly seconds: number;
    /** Until the last payload was parsed, and from then on. */
    readonly parseSeconds: number;
    readonly refreshSeconds: number;
    readonly cpuSeconds: number;
    readonly peakRssBytes: readonly number[];
}

export interface MarketResult extends MarketOptions {
    readonly readings: number;
    readonly partitions: number;
    readonly receivedBytes: number;
    readonly lakeBytes: number;
    readonly loadSeconds: number;
    readonly receiveSeconds: number;
    readonly alone?: MarketRun;
    readonly together: MarketRun;
}

/**
 * A day of half-hours of a whole market, received as many files, through one worker that works alone and through many; each starts from the
 * same payloads and master data. Throws where what they publish is not what was simulated, or where anything was done twice.
 */
export async function benchMarket(options: MarketOptions): Promise<MarketResult> {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'gridtally-bench-market-'));
    const homeFolder = path.join(folder, 'home');
    await initHome(homeFolder, { marketZone: 'Europe/London', bucketSize: options.bucketSize });
    writeContract(homeFolder);
    const workspace = await openWorkspace(homeFolder);
    try {
        const given = await fill(workspace, folder, options);
        const expected = { files: given.files, kwh: given.kwh, readings: options.channels * 48 };
        const alone = options.isAloneSkipped
            ? undefined
            : await runWorkers(workspace, expected, {
                  ...options,
                  workers: 1,
                  threads: os.availableParallelism(),
              });
        if (alone) await forgetWork(workspace);
        const together = await runWorkers(workspace, expected, options);
        const status = await readStatus(workspace.lake);
        return {
            ...options,
            readings: expected.readings,
            partitions: status.partitions,
            receivedBytes: bytesBelow(workspace.home.rawFolder),
            lakeBytes: status.lakeBytes,
            loadSeconds: given.loadSeconds,
            receiveSeconds: given.receiveSeconds,
            ...(alone ? { alone } : {}),
            together,
        };
    } finally {
        await workspace.close();
        await removeDatabase(homeFolder);
        rmSync(folder, { recursive: true, force: true });
    }
}

/** The shipped contract for half-hours. */
function writeContract(homeFolder: string): void {
    const shipped = readFileSync(
        fileURLToPath(new URL('../feeds/generic-csv.odcs.yaml', import.meta.url)),
        'utf8',
    );
    const quarterHours = 'value: 15\n';
    if (!shipped.includes(quarterHours)) throw new Error('the shipped contract is not of quarter-hours');
    mkdirSync(path.join(homeFolder, 'feeds'));
    const text = shipped.replaceAll('generic-csv', FEED).replace(quarterHours, 'value: 30\n');
    writeFileSync(path.join(homeFolder, 'feeds', `${FEED}.odcs.yaml`), text);
}

/** Simulates, loads and receives one file after the other, so that no more than one lies on the disk twice. */
async function fill(workspace: Workspace, folder: string, { channels, channelsOfFile }: MarketOptions) {
    const { feedId, contract } = await knownFeed(
        workspace.lake.db,
        workspace.home.folder,
        FEED,
        workspace.clock,
    );
    const feed = { feedId, name: FEED, repeatWindowDays: contract.delivery.repeatWindowDays };
    const given = { files: 0, loadSeconds: 0, receiveSeconds: 0, milliKwh: 0n };
    for (let first = 1; first <= channels; first += channelsOfFile) {
        const meters = Math.min(channelsOfFile, channels + 1 - first);
        const outFolder = path.join(folder, 'town');
        const part = { seed: `market ${first}`, firstMeter: first, meters, minutes: 30, date: DATE } as const;
        const day = bulkDay({ ...part, outFolder, marketZone: 'Europe/London', correctionsRate: 0 });
        given.loadSeconds += await seconds(() =>
            load(workspace, { kind: 'metering-points', file: day.meteringPointsPath }),
        );
        given.receiveSeconds += await seconds(async () => {
            const payload = { sourceKey: `readings-${first}.csv`, path: day.readingsPath };
            for await (const _ of receive(workspace.raw, feed, [payload]));
        });
        given.files += 1;
        given.milliKwh += BigInt(day.kwhDelivered.replace('.', ''));
        rmSync(outFolder, { recursive: true });
    }
    const digits = String(given.milliKwh).padStart(4, '0');
    return { ...given, kwh: `${digits.slice(0, -3)}.${digits.slice(-3)}000` };
}

async function runWorkers(
    workspace: Workspace,
    expected: { readonly files: number; readonly kwh: string; readonly readings: number },
    { workers, threads, memory }: Pick<MarketOptions, 'workers' | 'threads' | 'memory'>,
): Promise<MarketRun> {
    configureEngine(workspace.home.folder, threads, memory);
    const startedAt = Date.now();
    const done = await Promise.all(
        Array.from({ length: workers }, () => run(process.execPath, [WORKER, workspace.home.folder])),
    );
    const endedAt = Date.now();
    const reports = done.map(({ stdout }) => JSON.parse(stdout));
    const sum = (name: string) => reports.reduce((total: number, report) => total + report[name], 0);
    const status = await readStatus(workspace.lake);
    const found = { files: sum('segments'), kwh: status.kwh, readings: status.winning };
    // each partition once, and by whom does not matter
    const made = [sum('rebuilt'), sum('merged')];
    if (JSON.stringify([found, made]) !== JSON.stringify([expected, [status.partitions, 0]]))
        throw new Error(`published ${JSON.stringify([found, made])}, expected ${JSON.stringify(expected)}`);
    const parsedAt = Math.max(...reports.map((report) => report.endedAt.parse));
    return {
        seconds: (endedAt - startedAt) / 1000,
        parseSeconds: (parsedAt - startedAt) / 1000,
        refreshSeconds: (endedAt - parsedAt) / 1000,
        cpuSeconds: sum('cpuSeconds'),
        peakRssBytes: reports.map((report) => report.peakRssBytes),
    };
}

function configureEngine(homeFolder: string, threads: number, memory: string): void {
    const file = path.join(homeFolder, HOME_FILE);
    const text = readFileSync(file, 'utf8')
        .replace(/^ {2}memory: .*$/m, `  memory: ${memory}`)
        .replace(/^ {2}(# )?threads: .*$/m, `  threads: ${threads}`);
    writeFileSync(file, text);
}

/** As if the payloads had just been received: the same master data, nothing parsed, an empty lake. */
async function forgetWork({ lake }: Workspace): Promise<void> {
    await lake.db.query('truncate partition_files, lake_files, partitions, commits cascade');
    await lake.db.query(
        'update segments set parsed_at = null, parsed_contract_no = null, parse_stats = null',
    );
    rmSync(lake.folder, { recursive: true });
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
    const from = performance.now();
    await work();
    return (performance.now() - from) / 1000;
}

/** The report that `npm run bench -- market` prints. */
export function marketText(result: MarketResult): string {
    const { channels, readings, partitions, alone, together } = result;
    const n = (value: number) => value.toLocaleString('en');
    const mib = (bytes: number) => n(Math.round(bytes / 1024 ** 2));
    const line = (name: string, r: MarketRun) =>
        `${name}: ${r.seconds.toFixed(1)} s (parse ${r.parseSeconds.toFixed(1)} s, curate and roll up ${r.refreshSeconds.toFixed(1)} s), ` +
        `CPU ${r.cpuSeconds.toFixed(1)} s, ${n(Math.round(readings / r.seconds))} readings/s, peak RSS ${r.peakRssBytes.map(mib).join(', ')} MiB`;
    return [
        `${n(readings)} readings of ${n(channels)} channels, ${partitions} partitions; received ${mib(result.receivedBytes)} MiB, lake ${mib(result.lakeBytes)} MiB`,
        `before: master data ${result.loadSeconds.toFixed(1)} s, receive ${result.receiveSeconds.toFixed(1)} s`,
        ...(alone ? [line('one worker alone, all cores', alone)] : []),
        line(`${result.workers} workers, ${result.threads} thread(s) each`, together),
        ...(alone ? [`ratio ${(together.seconds / alone.seconds).toFixed(2)}`] : []),
        '',
    ].join('\n');
}
