import path from 'node:path';
import { DuckDBConnection, DuckDBInstance, type DuckDBValue } from '@duckdb/node-api';
import { openWorkspace, type Workspace } from '../src/cli/workspace.ts';
import { compileModel } from '../src/engine/compile.ts';
import type { Engine, EngineSession } from '../src/engine/engine.ts';
import { refresh } from '../src/lake/refresh.ts';
import { feedsOf, ingest, load, precedenceOf } from '../src/pipeline/chain.ts';
import { removeDatabase } from '../src/store/embedded-postgres.ts';
import { initHome } from '../src/store/home.ts';
import type { SeamResult } from './seam.ts';

interface Statement {
    readonly text: string;
    readonly values: readonly DuckDBValue[];
}

/** What each connection was given, in its order; `isOn` says whether it is noted. */
const given = new Map<DuckDBConnection, Statement[]>();
let isOn = false;

function noteStatements(): void {
    for (const name of ['run', 'runAndReadAll'] as const) {
        const method = DuckDBConnection.prototype[name] as (...args: unknown[]) => unknown;
        const noting = function (this: DuckDBConnection, ...args: unknown[]): unknown {
            // `runAndReadAll` may itself call `run`: what is under way is noted once
            if (!isOn || busy.has(this)) return method.apply(this, args);
            const [text, values] = args as [string, readonly DuckDBValue[] | undefined];
            const statements = given.get(this) ?? [];
            given.set(this, statements);
            statements.push({ text, values: values ?? [] });
            busy.add(this);
            return Promise.resolve(method.apply(this, args)).finally(() => busy.delete(this));
        };
        Object.defineProperty(DuckDBConnection.prototype, name, { value: noting });
    }
}
const busy = new Set<DuckDBConnection>();

let seamSeconds = 0;

/** The engine with one job at a time, each call across the seam timed. */
function timedEngine(engine: Engine): Engine {
    return {
        ...engine,
        jobsAtOnce: 1,
        openSession: async (wishes) => timedSession(await timed(() => engine.openSession(wishes))),
    };
}

function timedSession(session: EngineSession): EngineSession {
    return new Proxy(session, {
        get(target, name) {
            const member = Reflect.get(target, name, target);
            if (typeof member !== 'function') return member;
            return (...args: unknown[]) => timed(() => member.apply(target, args));
        },
    });
}

function timed<T>(work: () => T): T {
    const from = performance.now();
    const end = () => {
        seamSeconds += (performance.now() - from) / 1000;
    };
    const result = work();
    if (result instanceof Promise) return result.finally(end) as T;
    end();
    return result;
}

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
    const from = performance.now();
    await work();
    return (performance.now() - from) / 1000;
}

/** A job compiles each of its steps once. */
function compileSeconds(jobs: number): number {
    const models = [
        'job_versions',
        'expected_channel_days',
        'contested_keys',
        'contested_versions',
        'version_outcomes',
        'curated_intervals',
        'present_hours',
        'curated_hours',
        'curated_days',
        'curated_gaps',
        'changed_days',
    ];
    const from = performance.now();
    for (let job = 0; job < jobs; job += 1)
        for (const model of models) compileModel(`curation/${model}`, 'duckdb');
    return (performance.now() - from) / 1000;
}

async function directly({ home }: Workspace): Promise<number> {
    const { memory, threads } = home.engine;
    let seconds = 0;
    for (const statements of given.values()) {
        const instance = await DuckDBInstance.create(':memory:', {
            memory_limit: memory,
            threads: String(threads),
            temp_directory: path.join(home.scratchFolder, 'by-hand'),
        });
        const connection = await instance.connect();
        for (const { text, values } of statements)
            seconds += await secondsOf(() => connection.runAndReadAll(text, [...values]));
        connection.closeSync();
        instance.closeSync();
    }
    return seconds;
}

async function main(folder: string): Promise<void> {
    const home = path.join(folder, 'home');
    const town = path.join(folder, 'town');
    await initHome(home, { marketZone: 'Europe/London' });
    const workspace = await openWorkspace(home);
    try {
        const points = path.join(town, 'master', 'metering-points.csv');
        await load(workspace, { kind: 'metering-points', file: points });
        for (const name of ['readings.csv', 'corrections.csv'])
            await ingest(workspace, 'generic-csv', [{ sourceKey: name, path: path.join(town, name) }]);
        const feeds = precedenceOf(await feedsOf(workspace));
        noteStatements();
        isOn = true;
        const lake = { ...workspace.lake, bulkEngine: timedEngine(workspace.lake.bulkEngine) };
        await refresh(lake, feeds);
        isOn = false;
        const compiled = compileSeconds(given.size);
        const result: Omit<SeamResult, 'meters' | 'ratio'> = {
            statements: [...given.values()].reduce((sum, list) => sum + list.length, 0),
            seconds: seamSeconds + compiled,
            compileSeconds: compiled,
            peers: { duckdb: { seconds: await directly(workspace) } },
        };
        process.stdout.write(`${JSON.stringify(result)}\n`);
    } finally {
        await workspace.close();
        await removeDatabase(home);
    }
}

await main(process.argv[2] ?? '');
