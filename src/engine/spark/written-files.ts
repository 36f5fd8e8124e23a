import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { GridtallyError } from '../../kernel/errors.ts';
import type { WrittenFile } from '../engine.ts';
import { parquetRowCount } from '../parquet/parquet-footer.ts';

const PAUSE_MS = 100;
const PAUSE_MS_MAX = 5_000;

/**
 * The Parquet files below a folder, once they have as many rows as the server wrote there. A shared folder may show them late, and for a while a part of
 * them: then they are looked for again, for `waitMs`. Throws `engine.files-missing`, or `engine.lake-unreachable` where the folder itself never appears.
 */
export async function findWrittenFiles(
    folder: string,
    rowCount: number,
    waitMs: number,
): Promise<WrittenFile[]> {
    const untilMs = performance.now() + waitMs;
    for (let pauseMs = PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX)) {
        const seen = listFiles(folder);
        if (seen.rowCount === rowCount && seen.fault === undefined) return seen.files;
        const leftMs = untilMs - performance.now();
        if (leftMs <= 0) throw missingFiles(folder, rowCount, seen);
        await new Promise((resolve) => setTimeout(resolve, Math.min(pauseMs, leftMs)));
    }
}

interface Listing {
    readonly files: WrittenFile[];
    readonly rowCount: number;
    /** Why a file, or the folder, could not be read. */
    readonly fault?: Error;
}

function listFiles(folder: string): Listing {
    const files: WrittenFile[] = [];
    const rowCount = () => files.reduce((sum, file) => sum + file.rowCount, 0);
    try {
        for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
            if (!name.endsWith('.parquet') || path.basename(name).startsWith('.')) continue;
            const file = path.join(folder, name);
            files.push({ path: file, rowCount: parquetRowCount(file), byteCount: statSync(file).size });
        }
        return { files, rowCount: rowCount() };
    } catch (error) {
        // seen and not whole yet, or gone again
        return { files, rowCount: rowCount(), fault: error as Error };
    }
}

function missingFiles(folder: string, written: number, { files, rowCount, fault }: Listing): GridtallyError {
    if (!existsSync(folder))
        return new GridtallyError(
            'engine.lake-unreachable',
            `the Spark server wrote to ${folder}, and nothing is there: it writes to a disk of its own`,
        );
    const why = fault === undefined ? '' : `, as far as they can be read: ${fault.message}`;
    return new GridtallyError(
        'engine.files-missing',
        `the Spark server wrote ${written} rows below ${folder}, and the ${files.length} files that are seen there have ${rowCount}${why}`,
        { cause: fault },
    );
}
