import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { create, toBinary } from '@bufbuild/protobuf';
import { batchOfTexts } from './arrow-values.ts';
import type { ArtifactPayload, SparkCalls } from './calls.ts';
import {
    ArtifactStatusesRequestSchema,
    ArtifactStatusesResponseSchema,
} from './protocol/spark/connect/base_pb.ts';
import { LocalRelationSchema } from './protocol/spark/connect/relations_pb.ts';
import { type SparkRelation, unionRelation } from './relations.ts';
import { SparkError } from './spark-error.ts';

/** Rows of text are cut into batches of about so many characters, so that no message comes near the server's limit. */
const BATCH_CHARACTERS = 4_000_000;
/** What is smaller travels inside the plan. */
const INLINE_BYTES_MAX = 64 * 1024;
/** The size that Spark's own clients use. */
const CHUNK_BYTES = 32 * 1024;

/** Sends rows of text to the server and gives the relation that reads them there, all columns of type `string`. */
export async function uploadTexts(
    calls: SparkCalls,
    names: readonly string[],
    rows: readonly (readonly (string | null)[])[],
): Promise<SparkRelation> {
    const inputs: SparkRelation[] = [];
    for (const batch of inBatches(rows)) inputs.push(await uploadBatch(calls, batchOfTexts(names, batch)));
    return unionRelation(inputs);
}

function inBatches(rows: readonly (readonly (string | null)[])[]): readonly (readonly (string | null)[])[][] {
    const batches: (readonly (string | null)[])[][] = [];
    let batch: (readonly (string | null)[])[] = [];
    let characters = 0;
    for (const row of rows) {
        batch.push(row);
        for (const value of row) characters += value?.length ?? 0;
        if (characters < BATCH_CHARACTERS) continue;
        batches.push(batch);
        batch = [];
        characters = 0;
    }
    if (batch.length > 0 || batches.length === 0) batches.push(batch);
    return batches;
}

async function uploadBatch(calls: SparkCalls, data: Uint8Array): Promise<SparkRelation> {
    if (data.length <= INLINE_BYTES_MAX) return { relType: { case: 'localRelation', value: { data } } };
    const bytes = toBinary(LocalRelationSchema, create(LocalRelationSchema, { data }));
    const hash = createHash('sha256').update(bytes).digest('hex');
    await sendArtifact(calls, `cache/${hash}`, bytes);
    return { relType: { case: 'cachedLocalRelation', value: { hash } } };
}

/** Artifacts of a session are named by their content: one that is there is not sent again. */
async function sendArtifact(calls: SparkCalls, name: string, bytes: Uint8Array): Promise<void> {
    const known = await calls.unary(
        'ArtifactStatus',
        ArtifactStatusesRequestSchema,
        ArtifactStatusesResponseSchema,
        { names: [name] },
    );
    if (known.statuses[name]?.exists) return;
    const answer = await calls.addArtifacts(() => artifactPayloads(name, bytes));
    if (answer.artifacts.every((artifact) => artifact.isCrcSuccessful)) return;
    throw new SparkError(`what was sent as ${name} arrived changed`, { status: 'DATA_LOSS' });
}

function* artifactPayloads(name: string, bytes: Uint8Array): Generator<ArtifactPayload> {
    const chunkCount = Math.ceil(bytes.length / CHUNK_BYTES);
    for (let at = 0; at < chunkCount; at++) {
        const data = bytes.subarray(at * CHUNK_BYTES, (at + 1) * CHUNK_BYTES);
        const chunk = { data, crc: BigInt(crc32(data)) };
        if (at > 0) {
            yield { case: 'chunk', value: chunk };
            continue;
        }
        const sizes = { totalBytes: BigInt(bytes.length), numChunks: BigInt(chunkCount) };
        yield { case: 'beginChunk', value: { name, ...sizes, initialChunk: chunk } };
    }
}
