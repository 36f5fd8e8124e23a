import { globSync } from 'node:fs';
import path from 'node:path';
import { DuckDBConnection, DuckDBInstance, type DuckDBValue } from '@duckdb/node-api';
import type { Workspace } from '../src/cli/workspace.ts';
import { compileModel } from '../src/engine/compile.ts';
import type { Engine, EngineSession } from '../src/engine/engine.ts';
import { refresh } from '../src/lake/refresh.ts';
import { feedsOf, precedenceOf } from '../src/pipeline/chain.ts';
import { ingestFile, secondsOf, withTownHome } from './home.ts';
import type { SeamResult } from './seam.ts';

const MODELS = path.join(import.meta.dirname, '../models');

interface Statement {
    readonly text: string;
    readonly values: readonly DuckDBValue[];
}

/** What each connection is given while `work` runs, in its order. */
async function statementsOf(work: () => Promise<unknown>): Promise<Statement[][]> {
    const given = new Map<DuckDBConnection, Statement[]>();
    // every other way to run a statement goes through this one
    const { run } = DuckDBConnection.prototype;
    DuckDBConnection.prototype.run = function (text, values, types) {
        const statements = given.get(this) ?? [];
        given.set(this, statements);
        statements.push({ text, values: (values ?? []) as readonly DuckDBValue[] });
        return run.call(this, text, values, types);
    };
    try {
        await work();
    } finally {
        DuckDBConnection.prototype.run = run;
    }
    return [...given.values()];
}

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

/** A job compiles each model of curation once. */
function compileSeconds(jobs: number): number {
    const models = globSync('curation/*.yml', { cwd: MODELS }).map((file) => file.replace(/\.yml$/, ''));
    const from = performance.now();
    for (let job = 0; job < jobs; job += 1) for (const model of models) compileModel(model, 'duckdb');
    return (performance.now() - from) / 1000;
}

async function directly({ home }: Workspace, sessions: readonly Statement[][]): Promise<number> {
    const { memory, threads } = home.engine;
    let total = 0;
    for (const statements of sessions) {
        const instance = await DuckDBInstance.create(':memory:', {
            memory_limit: memory,
            threads: String(threads),
            temp_directory: path.join(home.scratchFolder, 'by-hand'),
        });
        const connection = await instance.connect();
        const { seconds } = await secondsOf(async () => {
            for (const { text, values } of statements) await connection.runAndReadAll(text, [...values]);
        });
        total += seconds;
        connection.closeSync();
        instance.closeSync();
    }
    return total;
}

async function main(folder: string): Promise<void> {
    await withTownHome(folder, async (workspace) => {
        for (const name of ['readings.csv', 'corrections.csv']) await ingestFile(workspace, folder, name);
        const feeds = precedenceOf(await feedsOf(workspace));
        const engine = timedEngine(workspace.lake.engine);
        const lake = { ...workspace.lake, engine, bulkEngine: engine };
        const sessions = await statementsOf(() => refresh(lake, async () => feeds));
        const compiled = compileSeconds(sessions.length);
        const result: Omit<SeamResult, 'meters' | 'ratio'> = {
            statements: sessions.reduce((sum, list) => sum + list.length, 0),
            seconds: seamSeconds + compiled,
            compileSeconds: compiled,
            peers: { duckdb: { seconds: await directly(workspace, sessions) } },
        };
        process.stdout.write(`${JSON.stringify(result)}\n`);
    });
}

await main(process.argv[2] ?? '');
