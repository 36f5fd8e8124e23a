import {
    type CataloguedFile,
    cataloguedFiles,
    type FileFault,
    innerFaults,
    outerFault,
} from './file-check.ts';
import type { Lake } from './lake.ts';
import { useLake } from './lake-use.ts';
import {
    type CataloguedPartition,
    cataloguedPartitions,
    contentFaults,
    countFaults,
    type PartitionFault,
} from './partition-check.ts';

export interface LakeVerification {
    readonly files: number;
    readonly bytes: number;
    /** Partitions whose content was summed again. */
    readonly partitions: number;
    readonly fileFaults: readonly FileFault[];
    readonly partitionFaults: readonly PartitionFault[];
}

export interface LakeProgress {
    readonly stage: 'files' | 'partitions';
    readonly done: number;
    readonly total: number;
}

/**
 * Compares the lake's files with the catalogue as at one moment, and what is published with itself, while anything else goes on: each file is there, as long
 * as it was written, with its rows, all of whose values can be read; intervals, hours, days and gaps say the same, with the recorded checksums.
 */
export async function verifyLake(
    lake: Lake,
    onProgress: (progress: LakeProgress) => void = () => {},
): Promise<LakeVerification> {
    return useLake(lake, async (inUse) => {
        const { files, partitions } = await lake.db.transaction(
            async (tx) => ({ files: await cataloguedFiles(tx), partitions: await cataloguedPartitions(tx) }),
            { isolation: 'repeatable read', readOnly: true },
        );
        const fileFaults = await allFileFaults(inUse, files, onProgress);
        const whole = wholePartitions(partitions, fileFaults);
        const total = whole.filter(({ table }) => table === 'reads_interval').length;
        const partitionFaults = [
            ...countFaults(partitions),
            ...(await contentFaults(inUse, whole, (done) =>
                onProgress({ stage: 'partitions', done, total }),
            )),
        ];
        const bytes = files.reduce((sum, { byteCount }) => sum + byteCount, 0);
        return { files: files.length, bytes, partitions: total, fileFaults, partitionFaults };
    });
}

async function allFileFaults(
    lake: Lake,
    files: readonly CataloguedFile[],
    onProgress: (progress: LakeProgress) => void,
): Promise<FileFault[]> {
    const faults = files.flatMap((file): FileFault[] => {
        const what = outerFault(lake, file);
        return what === undefined ? [] : [{ file, what }];
    });
    const faulty = new Set(faults.map(({ file }) => file.fileId));
    // what was replaced is read by nobody but an old log's readers
    const readable = files.filter(({ isLive, fileId }) => isLive && !faulty.has(fileId));
    const inner = await innerFaults(lake, readable, (done) =>
        onProgress({ stage: 'files', done, total: readable.length }),
    );
    return [...faults, ...inner];
}

/** Days with a file that is told already are left out: their sums would only say it again. */
function wholePartitions(
    partitions: readonly CataloguedPartition[],
    faults: readonly FileFault[],
): CataloguedPartition[] {
    const faulty = new Set(faults.map(({ file }) => file.path));
    const days = new Set(
        partitions
            .filter(({ paths }) => paths.some((file) => faulty.has(file)))
            .map(({ marketDay, bucket }) => `${marketDay}/${bucket}`),
    );
    return partitions.filter(({ marketDay, bucket }) => !days.has(`${marketDay}/${bucket}`));
}
