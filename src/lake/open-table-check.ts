import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { OpenTableName } from '../contracts/open-tables.ts';
import { linesText, versionLines } from './delta-actions.ts';
import type { Lake } from './lake.ts';
import { changesOf, openTableNames, versionsOf } from './open-table-catalogue.ts';
import { LOG_LOCK, listLog, versionName } from './open-table-log.ts';

export interface LogFault {
    readonly table: OpenTableName;
    readonly what: string;
}

/** Compares the logs of open tables with the catalogue, while nobody adds to them. What is not yet in a log is no fault. */
export async function logFaults(lake: Lake): Promise<LogFault[]> {
    return lake.db.withLock(LOG_LOCK, 'exclusive', async () => {
        const faults: LogFault[] = [];
        for (const table of await openTableNames(lake.db)) faults.push(...(await faultsOf(lake, table)));
        return faults;
    });
}

async function faultsOf(lake: Lake, table: OpenTableName): Promise<LogFault[]> {
    const versions = await versionsOf(lake.db, table);
    const { folder, versions: found } = listLog(lake, table);
    const newest = versions.at(-1)?.version ?? -1;
    const beyond = [...found].filter((version) => version > newest).sort((a, b) => a - b);
    const faults = beyond.map(
        (version): LogFault => ({
            table,
            what: `${versionName(version)} is a version that the catalogue has not`,
        }),
    );
    for (const [i, version] of versions.entries()) {
        const file = path.join(folder, versionName(version.version));
        if (version.publishedAt === null) continue;
        if (!existsSync(file)) faults.push({ table, what: `${file} is missing` });
        // what the first one removed may be swept, and cannot be told again
        else if (i > 0 || version.version === 0) {
            const lines = versionLines(table, version, await changesOf(lake.db, table, version));
            if (readFileSync(file, 'utf8') !== linesText(lines))
                faults.push({ table, what: `${file} is not what the catalogue says` });
        }
    }
    return faults;
}
