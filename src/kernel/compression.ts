import { createGunzip, createZstdDecompress, type Gunzip, type ZstdDecompress } from 'node:zlib';
import { GridtallyError } from './errors.ts';

export type Compression = 'none' | 'gzip' | 'zstd';

type Decoder = Gunzip | ZstdDecompress;

/** Bytes from the start of a payload that `compressionOf` needs to see. */
export const MAGIC_BYTES = 4;

/** Tells by its first bytes how a payload is compressed; a name's ending is not looked at. */
export function compressionOf(start: Uint8Array): Compression {
    const [a, b, c, d] = start;
    if (a === 0x1f && b === 0x8b) return 'gzip';
    if (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) return 'zstd';
    // A skippable frame, with which parallel compressors begin (RFC 8878, 3.1.2).
    if (a !== undefined && a >> 4 === 5 && b === 0x2a && c === 0x4d && d === 0x18) return 'zstd';
    return 'none';
}

/**
 * The text of a payload as a stream of chunks, decompressed if it is gzip or zstd (several members one after the other count as
 * one). Holds some chunks at a time, whatever the payload expands to.
 * Throws `raw.compression-damaged` where the compressed stream is cut off, fails its checksum or is followed by other bytes.
 */
export async function* decompressed(
    source: AsyncIterable<Buffer> | Iterable<Buffer>,
): AsyncGenerator<Buffer> {
    const chunks = chunkReader(source);
    let first: Buffer = Buffer.alloc(0);
    while (first.length < MAGIC_BYTES) {
        const next = await chunks();
        if (next === undefined) break;
        first = first.length === 0 ? next : Buffer.concat([first, next]);
    }
    const compression = compressionOf(first);
    if (compression !== 'none') return yield* members(first, chunks, compression);
    for (let chunk: Buffer | undefined = first; chunk !== undefined; chunk = await chunks()) {
        if (chunk.length > 0) yield chunk;
    }
}

type ChunkReader = () => Promise<Buffer | undefined>;

function chunkReader(source: AsyncIterable<Buffer> | Iterable<Buffer>): ChunkReader {
    const iterator =
        Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
    return async () => {
        const { value, done } = await iterator.next();
        return done ? undefined : value;
    };
}

/** One decoder for each member: Node's zstd decoder stops after the first frame and says nothing. */
async function* members(first: Buffer, chunks: ChunkReader, kind: 'gzip' | 'zstd'): AsyncGenerator<Buffer> {
    let rest: Buffer | undefined = first;
    while (rest !== undefined) {
        const decoder: Decoder = kind === 'gzip' ? createGunzip() : createZstdDecompress();
        const feeding: Promise<FeedEnd> = feed(decoder, rest, chunks);
        try {
            for await (const chunk of decoder) yield chunk as Buffer;
        } catch (error) {
            // A source that failed ends the stream too early as well; then its failure is the reason.
            throw (await feeding).failure ?? damaged(error);
        } finally {
            decoder.destroy();
        }
        const end = await feeding;
        if (end.failure !== undefined) throw end.failure;
        rest = await startOfNext(end.rest, chunks, kind);
    }
}

interface FeedEnd {
    /** Bytes that the decoder did not take, because its member had ended before them. */
    readonly rest: Buffer | undefined;
    /** Why the source could not be read, which is no damage of the stream. */
    readonly failure?: unknown;
}

/** Writes chunks to a decoder until its member or the source ends. Never rejects. */
async function feed(decoder: Decoder, first: Buffer, chunks: ChunkReader): Promise<FeedEnd> {
    const closed = new Promise<void>((resolve) => {
        decoder
            .once('end', resolve)
            .once('close', resolve)
            .once('error', () => resolve());
    });
    let fed = 0;
    try {
        for (let chunk: Buffer | undefined = first; chunk !== undefined; chunk = await chunks()) {
            const part = chunk;
            fed += part.length;
            const written = new Promise<void>((resolve) => {
                decoder.write(part, () => resolve());
            });
            await Promise.race([written, closed]);
            if (decoder.destroyed && decoder.errored !== null) return { rest: undefined };
            if (decoder.bytesWritten < fed) {
                decoder.end();
                return { rest: part.subarray(part.length - (fed - decoder.bytesWritten)) };
            }
        }
        decoder.end();
        return { rest: undefined };
    } catch (failure) {
        decoder.end();
        return { rest: undefined, failure };
    }
}

/** Skips zero padding after a gzip member, as gzip does; `undefined` at the end of the source. */
async function startOfNext(rest: Buffer | undefined, chunks: ChunkReader, kind: 'gzip' | 'zstd') {
    let start = rest;
    for (;;) {
        if (kind === 'gzip' && start !== undefined) {
            const at = start.findIndex((byte) => byte !== 0);
            start = at < 0 ? undefined : start.subarray(at);
        }
        if (start !== undefined && start.length >= MAGIC_BYTES) break;
        const next = await chunks();
        if (next === undefined) break;
        start = start === undefined ? next : Buffer.concat([start, next]);
    }
    if (start !== undefined && compressionOf(start) !== kind) {
        throw damaged(new Error('other bytes follow the compressed stream'));
    }
    return start;
}

function damaged(cause: unknown): GridtallyError {
    const why = cause instanceof Error ? cause.message : String(cause);
    return new GridtallyError('raw.compression-damaged', `The compressed stream is damaged: ${why}.`, {
        cause,
    });
}
