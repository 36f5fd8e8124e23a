import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { SPARK_SKIP } from './spark-cache.ts';
import { generateProtocol, PROTOCOL_FOLDER } from './write-protocol.ts';

test('the generated messages are those that Apache publishes', { skip: SPARK_SKIP }, () => {
    const generated = generateProtocol();
    const kept = new Map(
        globSync('**/*.ts', { cwd: PROTOCOL_FOLDER }).map((name) => [
            name.split(path.sep).join('/'),
            readFileSync(path.join(PROTOCOL_FOLDER, name), 'utf8'),
        ]),
    );
    assert.deepEqual([...kept.keys()].sort(), [...generated.keys()].sort());
    for (const [name, text] of generated)
        assert.ok(
            kept.get(name) === text,
            `${name} differs; run node run.cjs test/engines/write-protocol.ts`,
        );
});
