import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { compressionOf, decompressed } from '../../src/kernel/compression.ts';

const CODECS = [
    ['gzip', (bytes: Buffer) => gzipSync(bytes)],
    ['zstd', (bytes: Buffer) => zstdCompressSync(bytes)],
] as const;

async function textOf(chunks: Iterable<Buffer> | AsyncIterable<Buffer>): Promise<Buffer> {
    const parts: Buffer[] = [];
    for await (const chunk of decompressed(chunks)) parts.push(chunk);
    return Buffer.concat(parts);
}

function cut(bytes: Buffer, size: number): Buffer[] {
    return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
        bytes.subarray(i * size, (i + 1) * size),
    );
}

test('plain bytes pass unchanged, also fewer than a magic number has', async () => {
    await fc.assert(
        fc.asyncProperty(
            fc.uint8Array({ maxLength: 40 }),
            fc.integer({ min: 1, max: 9 }),
            async (bytes, size) => {
                const plain = Buffer.from(bytes);
                fc.pre(compressionOf(plain) === 'none');
                assert.deepEqual(await textOf(cut(plain, size)), plain);
            },
        ),
    );
});

for (const [name, compress] of CODECS) {
    const body = Buffer.from(Array.from({ length: 5000 }, (_, i) => `${i * 7919},`).join(''));

    test(`${name} is read whatever its chunks, and several members are one text`, async () => {
        const members = Buffer.concat([body, body.subarray(0, 10), body].map(compress));
        for (const size of [3, 1000, members.length]) {
            assert.deepEqual(
                await textOf(cut(members, size)),
                Buffer.concat([body, body.subarray(0, 10), body]),
            );
        }
        assert.deepEqual(await textOf([compress(Buffer.alloc(0))]), Buffer.alloc(0));
    });

    test(`${name} that is cut off anywhere, or followed by other bytes, is damaged`, async () => {
        const bytes = compress(body);
        for (const length of [5, 20, bytes.length >> 1, bytes.length - 1]) {
            await assert.rejects(textOf(cut(bytes.subarray(0, length), 999)), {
                code: 'raw.compression-damaged',
            });
        }
        const followed = Buffer.concat([bytes, Buffer.from('and more')]);
        for (const size of [7, followed.length]) {
            await assert.rejects(textOf(cut(followed, size)), { code: 'raw.compression-damaged' });
        }
    });

    test(`a source of ${name} that fails is not taken for damage`, async () => {
        async function* failing(): AsyncGenerator<Buffer> {
            yield compress(body).subarray(0, 500);
            throw new Error('the disk failed');
        }
        await assert.rejects(textOf(failing()), /the disk failed/);
    });
}

test('zero bytes after a gzip stream are padding, other bytes after them are not', async () => {
    const bytes = gzipSync('text');
    assert.equal((await textOf([bytes, Buffer.alloc(700)])).toString(), 'text');
    await assert.rejects(textOf([bytes, Buffer.alloc(700), Buffer.from('x')]), {
        code: 'raw.compression-damaged',
    });
});

test('a payload that expands a thousandfold is never held whole', async () => {
    const expanded = 400 << 20;
    const bytes = gzipSync(Buffer.alloc(expanded, 'x'));
    const before = process.memoryUsage.rss();
    let total = 0;
    let most = 0;
    for await (const chunk of decompressed([bytes])) {
        total += chunk.length;
        most = Math.max(most, process.memoryUsage.rss() - before);
    }
    assert.equal(total, expanded);
    assert.ok(most < 200 << 20, `${most} bytes more than before`);
});
