import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { fixedClock } from '../../src/kernel/clock.ts';
import { GridtallyError } from '../../src/kernel/errors.ts';
import { readContract } from '../../src/parsers/contract.ts';
import { contractOf, homeContracts } from '../../src/parsers/feed-catalogue.ts';
import { currentContract, registerContract } from '../../src/parsers/feed-registration.ts';
import { migrate } from '../../src/store/migrations.ts';
import { openScratchDatabase } from '../store/scratch-home.ts';
import { shippedText } from './sample-contracts.ts';

const { db, home, remove } = await openScratchDatabase();
after(remove);
await migrate(db);

const CLOCK = fixedClock(Date.UTC(2026, 0, 1));
const register = (text: string) => registerContract(db, readContract(text, 'x'), text, CLOCK);

test('a contract gets a number when its text changes, and keeps it when it does not', async () => {
    assert.equal(await currentContract(db, 'lcl'), undefined);
    const text = shippedText('lcl');
    const other = text.replace('value: 35', 'value: 36').replace('version: 1.0.0', 'version: 1.0.1');
    const first = await register(text);
    assert.equal(first.contractNo, 1);
    assert.deepEqual(await register(text), first);
    assert.deepEqual((await currentContract(db, 'lcl'))?.contract, readContract(text, 'x'));
    assert.equal((await register(other)).contractNo, 2);
    assert.equal((await register(text)).contractNo, 3);
    assert.deepEqual(await currentContract(db, 'lcl'), { ...first, contractNo: 3 });
});

test('the same contract registered by many at once gets one number', async () => {
    const text = shippedText('generic-csv');
    const registered = await Promise.all([1, 2, 3, 4, 5].map(() => register(text)));
    assert.deepEqual(new Set(registered.map(({ contractNo }) => contractNo)), new Set([1]));
});

test('a home has the shipped feeds and its own, which replace shipped ones of the same name', () => {
    const folder = path.join(home, 'feeds');
    mkdirSync(folder);
    writeFileSync(
        path.join(folder, 'mine.odcs.yaml'),
        shippedText('lcl').replace('name: lcl\n', 'name: mine\n'),
    );
    writeFileSync(
        path.join(folder, 'lcl.odcs.yaml'),
        shippedText('lcl').replace('version: 1.0.0', 'version: 9.0.0'),
    );
    writeFileSync(path.join(folder, 'notes.txt'), 'no contract');
    assert.deepEqual([...homeContracts(home).keys()].sort(), [
        'generic-csv',
        'generic-ndjson',
        'lcl',
        'mine',
    ]);
    assert.equal(contractOf('lcl', home).contract.version, '9.0.0');
    assert.throws(() => contractOf('nobody', home), { code: 'feed.unknown' });

    assert.equal(contractOf('gridtally-edit', home).contract.reading.unknownMeter, 'wait');
    const edits = path.join(folder, 'edits.odcs.yaml');
    writeFileSync(edits, shippedText('lcl').replace('name: lcl\n', 'name: gridtally-edit\n'));
    assert.throws(() => homeContracts(home), { code: 'feed.contract-invalid', message: /built in/ });
    rmSync(edits);

    writeFileSync(
        path.join(folder, 'again.odcs.yaml'),
        shippedText('lcl').replace('name: lcl\n', 'name: mine\n'),
    );
    writeFileSync(path.join(folder, 'broken.odcs.yaml'), 'a: [');
    assert.throws(
        () => homeContracts(home),
        (error) => {
            assert.ok(error instanceof GridtallyError && error.code === 'feed.contract-invalid');
            const files = error.faults.map(({ file = '' }) => path.basename(file));
            assert.deepEqual(new Set(files), new Set(['mine.odcs.yaml', 'broken.odcs.yaml']));
            return true;
        },
    );
});
