import { z } from 'zod';
import { GridtallyError } from '../kernel/errors.ts';
import { canonicalJson, sha256Hex } from '../kernel/hash.ts';

/** Changes when a program that knows only the number before could not restore what is written. */
export const BACKUP_FORMAT = 1;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const size = z.number().int().min(0);
const plainName = z.string().regex(/^[a-z_][a-z0-9_]*$/);
const objectReference = z.strictObject({ sha256, size });

/** A file of the home, whose bytes are the object of its SHA-256. */
const homeFile = z.strictObject({
    /** Which folder its path is relative to: the lake's, the raw store's, or the home's own. */
    root: z.enum(['lake', 'raw', 'home']),
    path: z
        .string()
        .min(1)
        .refine(
            (text) => !text.startsWith('/') && !text.split('/').includes('..'),
            'must lie below its folder',
        ),
    size,
    sha256,
    /** When its bytes were last written (UTC epoch milliseconds), so that the next backup need not read them to know them. */
    modifiedAt: z.number().int(),
});

const table = z.strictObject({
    name: plainName,
    columns: z.array(plainName),
    rows: z.number().int().min(0),
    /** Lines of `copy … to stdout`, cut between rows and compressed, in their order. */
    parts: z.array(objectReference),
});

const manifest = z.strictObject({
    format: z.literal(BACKUP_FORMAT),
    id: z.string(),
    /** When the moment was that the snapshot shows; UTC epoch milliseconds. */
    takenAt: z.number(),
    gridtally: z.string(),
    home: z.strictObject({
        id: z.uuid(),
        marketZone: z.string(),
        currency: z.string(),
        bucketSize: z.number().int(),
    }),
    schemaVersion: z.strictObject({ version: z.number().int().min(1), name: z.string() }),
    tables: z.array(table),
    sequences: z.array(
        z.strictObject({ name: plainName, lastValue: z.string().regex(/^-?\d+$/), isCalled: z.boolean() }),
    ),
    /** The object that lists the home's files, a line of JSON each, compressed. */
    fileList: objectReference,
    fileCount: size,
    byteCount: size,
});

export type ObjectReference = z.infer<typeof objectReference>;
export type HomeFile = z.infer<typeof homeFile>;
export type SavedTable = z.infer<typeof table>;
/** What a snapshot is: enough to restore a home from the objects that it names. */
export type SnapshotManifest = z.infer<typeof manifest>;

/** A manifest as its file has it: with a checksum of itself, so that a changed one is not believed. */
export function manifestText(value: SnapshotManifest): string {
    return `${JSON.stringify({ ...value, check: checkOf(value) }, null, 1)}\n`;
}

/** Throws `backup.damaged`, and `backup.newer` for a format that only a later program can read. */
export function parseManifest(text: string, file: string): SnapshotManifest {
    const { check, ...value } = parsed(text, file);
    if (typeof value.format === 'number' && value.format > BACKUP_FORMAT) {
        throw new GridtallyError(
            'backup.newer',
            `${file} has the format ${value.format}, and this gridtally knows ${BACKUP_FORMAT}`,
        );
    }
    const found = manifest.safeParse(value);
    if (!found.success || check !== checkOf(value)) throw damaged(file);
    return found.data;
}

export function fileLine(file: HomeFile): string {
    return `${JSON.stringify(file)}\n`;
}

export function parseFileLine(line: string, file: string): HomeFile {
    const found = homeFile.safeParse(parsed(line, file));
    if (!found.success) throw damaged(file);
    return found.data;
}

function parsed(text: string, file: string): Record<string, unknown> {
    try {
        const value: unknown = JSON.parse(text);
        if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
    } catch {
        // told below: what cannot be read was damaged
    }
    throw damaged(file);
}

function checkOf(value: unknown): string {
    return sha256Hex(canonicalJson(value)).slice(0, 16);
}

function damaged(file: string): GridtallyError {
    return new GridtallyError('backup.damaged', `${file} is not what was written`);
}
