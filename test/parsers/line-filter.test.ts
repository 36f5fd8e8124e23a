import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { filterLines } from '../../src/parsers/line-filter.ts';

const LINES = fc.array(
    fc.oneof(
        fc.constantFrom('', ' ', 'M1,5', 'a M1', 'MM11', 'x,M2', 'M12,3', '\r', 'no', 'é'.repeat(40)),
        fc.string({ maxLength: 12 }).map((text) => text.replaceAll('\n', '')),
    ),
    { maxLength: 60 },
);

/** The same, line by line. */
function naively(text: string, needles: readonly string[]): [number, string][] {
    const lines = text.split(/(?<=\n)/);
    const header = lines.findIndex((line) => /[^\0-\x20]/.test(line));
    return lines.flatMap((line, i): [number, string][] =>
        i <= header || header < 0 || needles.some((needle) => line.includes(needle)) ? [[i + 1, line]] : [],
    );
}

test('leaves the header and the lines that hold a text, with their numbers, however the bytes are cut', async () => {
    await fc.assert(
        fc.asyncProperty(
            LINES,
            fc.boolean(),
            fc.array(fc.nat({ max: 400 }), { maxLength: 12 }),
            async (lines, endsWithLine, cuts) => {
                const text = lines.join('\n') + (endsWithLine ? '\n' : '');
                const bytes = Buffer.from(text);
                const places = [
                    0,
                    ...cuts.filter((at) => at < bytes.length).sort((a, b) => a - b),
                    bytes.length,
                ];
                const chunks = places.slice(1).map((to, i) => bytes.subarray(places[i], to));
                const needles = ['M1', 'M2'];
                const filtered = filterLines(chunks, needles);
                const kept: Buffer[] = [];
                for await (const chunk of filtered.chunks) kept.push(Buffer.from(chunk));
                const found = kept.map((line, i): [number, string] => [
                    filtered.lineNoOf(i + 1),
                    line.toString(),
                ]);
                assert.deepEqual(
                    found,
                    naively(text, needles).filter(([, line]) => line !== ''),
                );
            },
        ),
        { numRuns: 500 },
    );
});

test('counts the lines of many chunks', async () => {
    const block = Buffer.from('0123456789,0.5\n'.repeat(70_000));
    const chunks = [
        Buffer.from('header\n'),
        ...Array.from({ length: 5 }, () => block),
        Buffer.from('wanted\n'),
    ];
    const filtered = filterLines(chunks, ['wanted']);
    let count = 0;
    for await (const _ of filtered.chunks) count += 1;
    assert.equal(count, 2);
    assert.equal(filtered.lineNoOf(2), 350_002);
});
