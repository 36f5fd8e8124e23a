import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32, createZstdCompress, createZstdDecompress } from 'node:zlib';
import { GridtallyError } from '../kernel/errors.ts';
import type { OpenTransaction } from '../store/database.ts';
import type { ContentTable } from '../store/database-content.ts';
import type { ObjectStore } from './object-store.ts';
import type { SavedTable } from './snapshot-manifest.ts';

/** A part ends at the first row after so many bytes whose text says so (1 of 64), and at the latest after the second number. */
const PART_BYTES = 4 << 20;
const PART_BYTES_MAX = 16 << 20;
const CUTS_ONE_OF = 64;
const LF = 0x0a;

/** Writes the rows of a table as objects. Tells of each byte that was not there before. */
export async function saveTable(
    tx: OpenTransaction,
    objects: ObjectStore,
    table: ContentTable,
    onNew: (bytes: number) => void,
): Promise<SavedTable> {
    const parts: { sha256: string; size: number }[] = [];
    let rows = 0;
    for await (const part of cutRows(tx.copyOut(table.name, table.columns))) {
        for (const byte of part) if (byte === LF) rows += 1;
        const compressed = Readable.from([part], { objectMode: false }).pipe(createZstdCompress());
        const { sha256, size, isNew } = await objects.add(compressed);
        if (isNew) onNew(size);
        parts.push({ sha256, size });
    }
    return { name: table.name, columns: [...table.columns], rows, parts };
}

/** Fills a table, which must be empty. Throws `backup.damaged` where its rows are not as many as were saved. */
export async function loadTable(tx: OpenTransaction, objects: ObjectStore, table: SavedTable): Promise<void> {
    if (table.parts.length === 0) return;
    const rows = await tx.copyBack(table.name, table.columns, rowsOf(objects, table));
    if (rows !== table.rows)
        throw new GridtallyError(
            'backup.damaged',
            `the table ${table.name} has ${rows} rows where ${table.rows} were saved`,
        );
}

async function* rowsOf(objects: ObjectStore, table: SavedTable): AsyncGenerator<Buffer> {
    for (const { sha256 } of table.parts) {
        const text = createZstdDecompress();
        const fed = pipeline(objects.read(sha256), text);
        fed.catch(() => {});
        for await (const chunk of text) yield chunk as Buffer;
        await fed;
    }
}

/**
 * Cuts lines into parts between rows. Where a cut is made follows from the rows alone: rows that are added at the end, or changed somewhere, leave
 * most parts as they were, so that a second backup has them already.
 */
export async function* cutRows(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    let held: Buffer[] = [];
    let size = 0;
    for await (const row of wholeRows(chunks)) {
        held.push(row);
        size += row.length;
        if (size < PART_BYTES || (size < PART_BYTES_MAX && crc32(row) % CUTS_ONE_OF !== 0)) continue;
        yield Buffer.concat(held);
        held = [];
        size = 0;
    }
    if (size > 0) yield Buffer.concat(held);
}

/** Rows with their line feeds; a line feed within a value is written otherwise. */
async function* wholeRows(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    let rest: Buffer[] = [];
    for await (const chunk of chunks) {
        let from = 0;
        for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, from)) {
            const piece = chunk.subarray(from, end + 1);
            yield rest.length === 0 ? piece : Buffer.concat([...rest, piece]);
            rest = [];
            from = end + 1;
        }
        if (from < chunk.length) rest.push(chunk.subarray(from));
    }
    if (rest.length > 0) yield Buffer.concat(rest);
}
