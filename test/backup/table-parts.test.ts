import assert from 'node:assert/strict';
import test from 'node:test';
import { cutRows } from '../../src/backup/table-parts.ts';
import { sha256Hex } from '../../src/kernel/hash.ts';

const MB = 1 << 20;

function rowsOf(count: number): string[] {
    return Array.from(
        { length: count },
        (_, i) => `${i}\t${sha256Hex(String(i))}\t${'x'.repeat(900 + (i % 90))}\n`,
    );
}

async function* chunksOf(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function cut(rows: readonly string[], chunkSize = 65_521): Promise<Buffer[]> {
    const parts: Buffer[] = [];
    for await (const part of cutRows(chunksOf(Buffer.from(rows.join('')), chunkSize))) parts.push(part);
    return parts;
}

const hashes = (parts: readonly Buffer[]) => parts.map((part) => sha256Hex(part));

test('rows are cut between rows into parts of some megabytes, and nothing is lost, however they come', async () => {
    const rows = rowsOf(25_000);
    const parts = await cut(rows);
    assert.equal(Buffer.concat(parts).toString(), rows.join(''));
    assert.ok(parts.length >= 4, `${parts.length} parts`);
    for (const part of parts) assert.equal(part.at(-1), 0x0a);
    for (const part of parts.slice(0, -1)) assert.ok(part.length >= 4 * MB && part.length <= 16 * MB);
    assert.deepEqual(hashes(await cut(rows, 1_000_003)), hashes(parts));
    assert.deepEqual(await cut([]), []);
});

test('rows that are added at the end, taken out or changed leave most parts as they were', async () => {
    const rows = rowsOf(25_000);
    const parts = hashes(await cut(rows));
    const shared = async (changed: readonly string[]) => {
        const now = new Set(hashes(await cut(changed)));
        return parts.filter((part) => now.has(part)).length;
    };
    assert.equal(await shared([...rows, 'more\n']), parts.length - 1);
    assert.ok((await shared(rows.toSpliced(12_000, 1))) >= parts.length - 2);
    assert.ok((await shared(rows.with(1000, 'changed\n'))) >= parts.length - 2);
});

test('a row longer than a part is one part', async () => {
    const long = `${'y'.repeat(17 * MB)}\n`;
    const parts = await cut(['a\n', long, 'b\n']);
    assert.deepEqual(
        parts.map((part) => part.length),
        [2 + long.length, 2],
    );
});
