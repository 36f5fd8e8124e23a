import { execFile } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';

const run = promisify(execFile);

export interface ServerAddress {
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly password: string;
    readonly database: string;
}

/**
 * What a running cluster says of itself in `postmaster.pid`; undefined: there is no such file. The status is empty while the file is being
 * written, then `starting`, `ready`, `stopping` or `standby`. The pid is 0, which no server has, in a file that a power cut left empty or garbled.
 */
export function readPidFile(cluster: string): { pid: number; port: number; status: string } | undefined {
    try {
        const lines = readFileSync(path.join(cluster, 'postmaster.pid'), 'utf8').split('\n');
        const pid = /^\d+$/.test(lines[0] ?? '') ? Number(lines[0]) : 0;
        return { pid, port: Number(lines[3]), status: (lines[7] ?? '').trim() };
    } catch {
        return undefined;
    }
}

/** Whether some process has this pid, be it dead and not yet collected. */
export function isAlive(pid: number): boolean {
    try {
        process.kill(pid, 0);
        return true;
    } catch (error) {
        return (error as NodeJS.ErrnoException).code !== 'ESRCH';
    }
}

/** A pid may have been given to another program since a power cut, so its command line is looked at. */
export async function isPostgres(pid: number, cluster: string): Promise<boolean> {
    if (pid === 0 || !isAlive(pid)) return false;
    if (process.platform === 'linux') {
        // slim images have no ps
        try {
            const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
            return /postgres$/.test(args[0] ?? '') && args.includes(cluster);
        } catch {
            return false;
        }
    }
    // where it cannot be told the process is left alone
    const said = await run('ps', ['-ww', '-o', 'args=', '-p', String(pid)]).then(
        (r) => r.stdout,
        () => `postgres ${cluster}`,
    );
    return said.includes('postgres') && said.includes(cluster);
}

/** SQLSTATE of a server that has no connection left. */
export const TOO_MANY_CONNECTIONS = '53300';

/** Undefined when a server answers there and it is the one of this cluster; otherwise what went wrong. */
export async function connectionFault(address: ServerAddress, cluster: string): Promise<unknown> {
    const client = new pg.Client({ ...address, ssl: false, connectionTimeoutMillis: 3000 });
    client.on('error', () => {});
    try {
        await client.connect();
        const { rows } = await client.query('show data_directory');
        if (realpathSync(rows[0].data_directory) === realpathSync(cluster)) return undefined;
        return new Error(`another database answers at port ${address.port}`);
    } catch (error) {
        return error;
    } finally {
        await client.end().catch(() => {});
    }
}
