import { execFile } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';

const run = promisify(execFile);

/** What a running cluster says of itself in `postmaster.pid`; undefined: there is no such file. */
export function readPidFile(cluster: string): { pid: number; port: number } | undefined {
    try {
        const lines = readFileSync(path.join(cluster, 'postmaster.pid'), 'utf8').split('\n');
        return { pid: Number(lines[0]), port: Number(lines[3]) };
    } catch {
        return undefined;
    }
}

/** A pid may have been given to another program since a power cut, so its command line is looked at. */
export async function isPostgres(pid: number, cluster: string): Promise<boolean> {
    try {
        process.kill(pid, 0);
    } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    }
    if (process.platform === 'linux') {
        // slim images have no ps
        try {
            const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
            return /postgres$/.test(args[0] ?? '') && args.includes(cluster);
        } catch {
            return false;
        }
    }
    const said = await run('ps', ['-ww', '-o', 'args=', '-p', String(pid)]).then((r) => r.stdout, () => `postgres ${cluster}`);
    return said.includes('postgres') && said.includes(cluster);
}

/** True when a server answers there and it is the one of this cluster. */
export async function answersFor(
    address: { host: string; port: number; user: string; password: string; database: string },
    cluster: string,
): Promise<boolean> {
    const client = new pg.Client({ ...address, connectionTimeoutMillis: 3000 });
    client.on('error', () => {});
    try {
        await client.connect();
        const { rows } = await client.query('show data_directory');
        return realpathSync(rows[0].data_directory) === realpathSync(cluster);
    } catch {
        return false;
    } finally {
        await client.end().catch(() => {});
    }
}
