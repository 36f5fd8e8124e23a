/**
 * Fills the cache folder with the programs that read open tables in `open-table-readers.long.test.ts`: Python's deltalake, DuckDB with its delta
 * extension, and the Delta reader of Spark. What is there is left as it is; what cannot be had is told, and its tests skip.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DELTA_JAR_FILES, DELTA_JARS, READER_PACKAGES, READER_PYTHON } from './reader-cache.ts';

const MAVEN = process.env.GRIDTALLY_MAVEN ?? 'https://repo1.maven.org/maven2';

/** Tells what could not be installed, and why. */
export async function installReaders(): Promise<string[]> {
    const missing = [installPython()];
    for (const [i, jar] of DELTA_JARS.entries()) missing.push(await fetchJar(jar, DELTA_JAR_FILES[i] ?? ''));
    return missing.flatMap((what) => what ?? []);
}

function installPython(): string | undefined {
    if (existsSync(READER_PYTHON)) return undefined;
    const fresh = `${READER_PYTHON}.${process.pid}`;
    mkdirSync(path.dirname(fresh), { recursive: true });
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--target', fresh];
    const run = spawnSync('python3', [...pip, ...READER_PACKAGES], { stdio: ['ignore', 2, 2] });
    // whole or not at all, so that an installation that was cut off is not taken for one
    if (run.status === 0) renameSync(fresh, READER_PYTHON);
    else rmSync(fresh, { recursive: true, force: true });
    return run.status === 0
        ? undefined
        : `Python 3 with pip could not install ${READER_PACKAGES.join(' and ')}`;
}

async function fetchJar(jar: (typeof DELTA_JARS)[number], file: string): Promise<string | undefined> {
    if (existsSync(file)) return undefined;
    const address = `${MAVEN}/${jar.path}`;
    try {
        const answer = await fetch(address);
        if (!answer.ok) return `${address} answers ${answer.status}`;
        const bytes = Buffer.from(await answer.arrayBuffer());
        const sha256 = createHash('sha256').update(bytes).digest('hex');
        if (sha256 !== jar.sha256) return `${address} has the SHA-256 ${sha256}, not ${jar.sha256}`;
        mkdirSync(path.dirname(file), { recursive: true });
        writeFileSync(`${file}.${process.pid}`, bytes);
        renameSync(`${file}.${process.pid}`, file);
        return undefined;
    } catch (error) {
        return `${address}: ${String((error as Error).cause ?? error)}`;
    }
}
