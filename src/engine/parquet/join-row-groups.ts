import { open } from 'node:fs/promises';
import { writeUnsynced } from '../../kernel/durable.ts';
import { assert } from '../../kernel/errors.ts';
import { type Field, numberOf, type Struct, structOf, structsOf, writeStruct } from './compact-protocol.ts';
import { COLUMN, COLUMN_CHUNK, FILE, MAGIC, ROW_GROUP } from './parquet-footer.ts';

// a few are in memory at once
const PIECE_BYTES = 4 << 20;

/** Row groups of a file, by their places in its footer. */
export interface PickedRowGroups {
    readonly file: string;
    readonly footer: Struct;
    readonly places: readonly number[];
}

/** Whether row groups of these files can stand in one: all have the same schema, and each group is one piece of its own file. */
export function canJoin(footers: readonly Struct[]): boolean {
    const [first, ...others] = footers.map((footer) => writeStruct(onlyField(footer, FILE.schema)));
    if (first === undefined || others.some((schema) => !schema.equals(first))) return false;
    return footers.every((footer) =>
        structsOf(footer, FILE.rowGroups).every((group) => extentOf(group) !== undefined),
    );
}

/**
 * Writes row groups of Parquet files to a new one, byte for byte, in the order in which they are given; not yet fsynced. Gives how many rows it has. All but
 * their places in the file stays: statistics, Bloom filters; an index of pages, which is optional, is left out. The files must be some that `canJoin`.
 */
export async function joinRowGroups(target: string, sources: readonly PickedRowGroups[]): Promise<number> {
    const { extents, footer } = layOut(sources);
    await writeUnsynced(target, piecesOf(extents, footer));
    return numberOf(footer, FILE.rows) ?? 0;
}

async function* piecesOf(extents: readonly FileExtent[], footer: Struct): AsyncGenerator<Uint8Array> {
    yield Buffer.from(MAGIC);
    for (const extent of extents) yield* bytesOf(extent);
    const written = writeStruct(footer);
    yield written;
    const length = Buffer.alloc(4);
    length.writeUInt32LE(written.length);
    yield Buffer.concat([length, Buffer.from(MAGIC)]);
}

/** Which bytes of which files make the new one, one after the other behind the magic, and its footer. */
function layOut(sources: readonly PickedRowGroups[]): { extents: FileExtent[]; footer: Struct } {
    const extents: FileExtent[] = [];
    let end = MAGIC.length;
    /** Gives by how many bytes the extent moves on. */
    const take = (file: string, { from, to }: Extent): number => {
        const shift = end - from;
        end += to - from;
        const last = extents.at(-1);
        if (last && last.file === file && last.to === from) extents[extents.length - 1] = { ...last, to };
        else extents.push({ file, from, to });
        return shift;
    };
    const placed = sources.flatMap(({ file, footer, places }) => {
        const groups = structsOf(footer, FILE.rowGroups);
        return places.map((place) => {
            const group = groups[place];
            const extent = group && extentOf(group);
            assert(group !== undefined && extent !== undefined, `${file} has a row group ${place}`);
            return { file, group, shift: take(file, extent) };
        });
    });
    const moved = placed.map(({ file, group, shift }, ordinal) => {
        const columns = structsOf(group, ROW_GROUP.columns).map((chunk) => {
            const filter = filterOf(chunk);
            return movedChunk(chunk, shift, filter && filter.from + take(file, filter));
        });
        return movedGroup(group, shift, ordinal, columns);
    });
    const [first] = sources;
    assert(first !== undefined, 'a file to join');
    return { extents, footer: footerOf(first.footer, moved) };
}

interface FileExtent extends Extent {
    readonly file: string;
}

interface Extent {
    readonly from: number;
    /** The byte after the last. */
    readonly to: number;
}

/** Where the pages of a row group lie; undefined where they are not one piece of this file that everybody may read. */
function extentOf(group: Struct): Extent | undefined {
    let from = Number.POSITIVE_INFINITY;
    let [to, bytes] = [0, 0];
    for (const chunk of structsOf(group, ROW_GROUP.columns)) {
        const metaData = structOf(chunk, COLUMN_CHUNK.metaData);
        const isElsewhere = [
            COLUMN_CHUNK.filePath,
            COLUMN_CHUNK.cryptography,
            COLUMN_CHUNK.encryptedMetaData,
        ].some((id) => chunk.has(id));
        if (metaData === undefined || isElsewhere) return undefined;
        const pages = [COLUMN.dictionaryPage, COLUMN.indexPage, COLUMN.dataPage].map((id) =>
            numberOf(metaData, id),
        );
        const start = Math.min(...pages.filter((page) => page !== undefined && page > 0).map(Number));
        const size = numberOf(metaData, COLUMN.compressedBytes) ?? 0;
        from = Math.min(from, start);
        to = Math.max(to, start + size);
        bytes += size;
    }
    return bytes > 0 && to - from === bytes ? { from, to } : undefined;
}

/** Where the Bloom filter of a column lies; undefined: it has none, or does not say how long that is. */
function filterOf(chunk: Struct): Extent | undefined {
    const metaData = structOf(chunk, COLUMN_CHUNK.metaData) ?? new Map();
    const from = numberOf(metaData, COLUMN.bloomFilter);
    const length = numberOf(metaData, COLUMN.bloomFilterLength);
    return from !== undefined && length !== undefined ? { from, to: from + length } : undefined;
}

async function* bytesOf({ file, from, to }: FileExtent): AsyncGenerator<Uint8Array> {
    const opened = await open(file);
    try {
        for (let at = from; at < to; ) {
            const wanted = Math.min(to - at, PIECE_BYTES);
            const { buffer, bytesRead } = await opened.read(Buffer.allocUnsafe(wanted), 0, wanted, at);
            assert(bytesRead > 0, `${file} has its row groups within`);
            yield buffer.subarray(0, bytesRead);
            at += bytesRead;
        }
    } finally {
        await opened.close();
    }
}

/** Some writers have 0 for what is not there. */
function movedOffset(offset: number, shift: number): number {
    return offset > 0 ? offset + shift : offset;
}

function movedChunk(chunk: Struct, shift: number, filterAt: number | undefined): Struct {
    const metaData: Struct = new Map(structOf(chunk, COLUMN_CHUNK.metaData));
    for (const id of [COLUMN.dataPage, COLUMN.indexPage, COLUMN.dictionaryPage])
        replaceNumber(metaData, id, (page) => movedOffset(page, shift));
    if (filterAt !== undefined) replaceNumber(metaData, COLUMN.bloomFilter, () => filterAt);
    else for (const id of [COLUMN.bloomFilter, COLUMN.bloomFilterLength]) metaData.delete(id);
    const moved: Struct = new Map(chunk);
    replaceStruct(moved, COLUMN_CHUNK.metaData, metaData);
    replaceNumber(moved, COLUMN_CHUNK.fileOffset, (offset) => movedOffset(offset, shift));
    for (const id of [
        COLUMN_CHUNK.offsetIndex,
        COLUMN_CHUNK.offsetIndexLength,
        COLUMN_CHUNK.columnIndex,
        COLUMN_CHUNK.columnIndexLength,
    ])
        moved.delete(id);
    return moved;
}

function movedGroup(group: Struct, shift: number, ordinal: number, columns: readonly Struct[]): Struct {
    const moved: Struct = new Map(group);
    replaceStructs(moved, ROW_GROUP.columns, columns);
    replaceNumber(moved, ROW_GROUP.fileOffset, (offset) => movedOffset(offset, shift));
    replaceNumber(moved, ROW_GROUP.ordinal, () => ordinal);
    return moved;
}

function footerOf(like: Struct, groups: readonly Struct[]): Struct {
    const footer: Struct = new Map(like);
    const rows = groups.reduce((sum, group) => sum + (numberOf(group, ROW_GROUP.rows) ?? 0), 0);
    replaceNumber(footer, FILE.rows, () => rows);
    replaceStructs(footer, FILE.rowGroups, groups);
    return footer;
}

function onlyField(struct: Struct, id: number): Struct {
    return new Map([...struct].filter(([each]) => each === id));
}

/** Leaves a struct that has no such field as it is. */
function replaceNumber(struct: Struct, id: number, by: (value: number) => number): void {
    const field = struct.get(id);
    if (typeof field?.value === 'number') struct.set(id, { ...field, value: by(field.value) });
}

function replaceStruct(struct: Struct, id: number, value: Struct): void {
    struct.set(id, { ...(struct.get(id) as Field), value });
}

function replaceStructs(struct: Struct, id: number, items: readonly Struct[]): void {
    const field = struct.get(id) as Field;
    struct.set(id, { ...field, value: { ...(field.value as { itemType: number }), items } });
}
