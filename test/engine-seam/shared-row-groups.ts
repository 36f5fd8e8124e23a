import { readFileSync } from 'node:fs';
import { parquetMetadata } from 'hyparquet';

/** How many row groups of a Parquet file stand in another, byte for byte, by a reader that is not ours. */
export function sharedRowGroups(file: string, other: string): number {
    const bytes = readFileSync(file);
    const within = readFileSync(other);
    return parquetMetadata(arrayBuffer(bytes)).row_groups.filter(({ columns }) => {
        const starts = columns.map(({ meta_data: of }) =>
            Number(of?.dictionary_page_offset ?? of?.data_page_offset),
        );
        const size = columns.reduce((sum, { meta_data: of }) => sum + Number(of?.total_compressed_size), 0);
        const from = Math.min(...starts);
        return within.includes(bytes.subarray(from, from + size));
    }).length;
}

/** What `hyparquet` takes. */
export function arrayBuffer(bytes: Buffer): ArrayBuffer {
    return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
}
