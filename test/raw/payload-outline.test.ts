import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { linesOfBlocks, OutlineMaker, type PayloadOutline } from '../../src/raw/payload-outline.ts';
import type { StoredPayload } from '../../src/raw/segment-reader.ts';
import { makeScratchFolder, removeScratchFolder } from '../store/scratch-home.ts';

const BEFORE = 'what stands before the payload\n';
let folder = '';
before(() => {
    folder = makeScratchFolder();
});
after(() => removeScratchFolder(folder));

function stored(text: string): StoredPayload {
    const segmentPath = path.join(folder, 'one.segment');
    const bytes = Buffer.from(text);
    writeFileSync(segmentPath, Buffer.concat([Buffer.from(BEFORE), bytes, Buffer.from('\nafter\n')]));
    const header = {
        sequence: 7,
        feed: 'generic-csv',
        sourceKey: 'one.csv',
        receivedAt: 0,
        payloadCount: 1,
        length: bytes.length,
        sha256: '',
    };
    return { header, segmentPath, from: Buffer.byteLength(BEFORE), headerFrom: 0 };
}

function outlineOf(text: string, blockBytes: number, cuts: readonly number[]): PayloadOutline {
    const bytes = Buffer.from(text);
    const maker = new OutlineMaker(blockBytes);
    const places = [0, ...cuts.filter((at) => at < bytes.length).sort((a, b) => a - b), bytes.length];
    for (const [i, to] of places.slice(1).entries()) {
        // a source may use its buffer again
        const chunk = Buffer.from(bytes.subarray(places[i], to));
        maker.accept(chunk);
        chunk.fill(0);
    }
    return maker.finish();
}

async function readRange(payload: StoredPayload, outline: PayloadOutline, first: number, end: number) {
    const { firstLineNo, chunks } = linesOfBlocks(payload, outline, { first, end });
    const read: Buffer[] = [];
    for await (const chunk of chunks) read.push(Buffer.from(chunk));
    const lines =
        Buffer.concat(read)
            .toString()
            .match(/[^\n]*\n|[^\n]+$/g) ?? [];
    return lines.map((line, i): [number, string] => [firstLineNo + i, line]);
}

/** Number, text and first byte of each line. */
function linesOf(text: string): { no: number; line: string; at: number }[] {
    let at = 0;
    return (text.match(/[^\n]*\n|[^\n]+$/g) ?? []).map((line, i) => {
        const from = at;
        at += Buffer.byteLength(line);
        return { no: i + 1, line, at: from };
    });
}

test('gives the lines that begin in some blocks, with their numbers, whatever the sizes of lines, blocks and chunks', async () => {
    const lines = fc.array(fc.oneof(fc.constantFrom('', 'é', 'M1,5', 'x'.repeat(70)), fc.string()), {
        maxLength: 30,
    });
    await fc.assert(
        fc.asyncProperty(
            lines.map((all) => all.map((line) => line.replaceAll('\n', ''))),
            fc.boolean(),
            fc.integer({ min: 1, max: 60 }),
            fc.array(fc.nat({ max: 400 }), { maxLength: 8 }),
            fc.nat(),
            fc.nat(),
            async (all, endsWithLine, blockBytes, cuts, a, b) => {
                const text = all.join('\n') + (endsWithLine ? '\n' : '');
                const outline = outlineOf(text, blockBytes, cuts);
                const blocks = Math.ceil(Buffer.byteLength(text) / blockBytes);
                assert.equal(outline.checksums.length, blocks);
                const [first, end] = [a % (blocks + 1), b % (blocks + 1)].sort((x, y) => x - y);
                assert.ok(first !== undefined && end !== undefined);
                const expected = linesOf(text).filter(
                    ({ at }) => at >= first * blockBytes && at < end * blockBytes,
                );
                assert.deepEqual(
                    await readRange(stored(text), outline, first, end),
                    expected.map(({ no, line }) => [no, line]),
                );
                for (const [no, start] of outline.lineStarts.entries()) {
                    const own = linesOf(text).find(({ at }) => at >= no * blockBytes);
                    const isOwn = own !== undefined && own.at < (no + 1) * blockBytes;
                    assert.equal(start, isOwn ? own.at - no * blockBytes : -1);
                }
            },
        ),
        { numRuns: 300 },
    );
});

test('a block that is not what was received is refused, and none beside it', async () => {
    const text = Array.from({ length: 100 }, (_, i) => `M${i},0.5\n`).join('');
    const outline = outlineOf(text, 100, []);
    const payload = stored(text);
    const bytes = readFileSync(payload.segmentPath);
    const at = payload.from + 350;
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    writeFileSync(payload.segmentPath, bytes);
    const error = { code: 'raw.segment-damaged' };
    await assert.rejects(readRange(payload, outline, 3, 4), error);
    // the last line of the block before ends in the damaged one
    await assert.rejects(readRange(payload, outline, 2, 3), error);
    const whole = (await readRange(payload, outline, 5, 7)).map(([, line]) => line);
    assert.deepEqual(
        whole,
        linesOf(text).flatMap(({ at, line }) => (at >= 500 && at < 700 ? [line] : [])),
    );
});
