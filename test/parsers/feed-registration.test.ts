import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { fixedClock } from '../../src/kernel/clock.ts';
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

test('a feed keeps its kind: what it brought before would be judged by what it is not', async () => {
    const text = shippedText('generic-register-csv').replace(
        'name: generic-register-csv',
        'name: generic-csv',
    );
    await assert.rejects(register(text), (error: { code: string; faults: { field?: string }[] }) => {
        assert.deepEqual([error.code, error.faults[0]?.field], ['feed.contract-invalid', 'kind']);
        return true;
    });
    assert.equal((await currentContract(db, 'generic-csv'))?.contract.kind, 'interval');
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
    const feeds = homeContracts(home);
    assert.deepEqual([...feeds.contracts.keys()].sort(), [
        'generic-csv',
        'generic-ndjson',
        'generic-register-csv',
        'lcl',
        'mine',
    ]);
    assert.equal(contractOf('lcl', feeds).contract.version, '9.0.0');
    assert.throws(() => contractOf('nobody', feeds), { code: 'feed.unknown' });
});

test('the feed of edits is built in, and no file of a home stands for it', () => {
    const edits = path.join(home, 'feeds', 'edits.odcs.yaml');
    writeFileSync(edits, shippedText('lcl').replace('name: lcl\n', 'name: gridtally-edit\n'));
    const feeds = homeContracts(home);
    assert.equal(contractOf('gridtally-edit', feeds).contract.reading.unknownMeter, 'wait');
    assert.match(feeds.refused.get('gridtally-edit')?.message ?? '', /built in/);
    assert.equal(feeds.contracts.has('gridtally-edit'), false);
    rmSync(edits);
});

test('a contract file that cannot be used stands for its own feed alone', () => {
    const folder = path.join(home, 'feeds');
    const write = (name: string, text: string) => writeFileSync(path.join(folder, `${name}.odcs.yaml`), text);
    write('again', shippedText('lcl').replace('name: lcl\n', 'name: mine\n'));
    write('broken', 'a: [');
    // two files of one feed, of which one is no YAML: neither may be used, and the shipped contract does not stand in
    write('csv', `name: generic-csv\n\t: [`);
    write(
        'faulty',
        shippedText('lcl').replace('name: lcl\n', 'name: other\n').replace('value: meter', 'value: stone'),
    );
    const feeds = homeContracts(home);
    assert.deepEqual([...feeds.contracts.keys()].sort(), ['generic-ndjson', 'generic-register-csv', 'lcl']);
    const places = (feed: string) =>
        feeds.refused.get(feed)?.faults.map(({ file = '', line }) => [path.basename(file), line ?? 0]);
    assert.deepEqual([...feeds.refused.keys()].sort(), ['broken', 'generic-csv', 'mine', 'other']);
    assert.deepEqual(places('mine'), [
        ['again.odcs.yaml', 0],
        ['mine.odcs.yaml', 0],
    ]);
    for (const [feed, file] of [
        ['broken', 'broken.odcs.yaml'],
        ['generic-csv', 'csv.odcs.yaml'],
        ['other', 'faulty.odcs.yaml'],
    ] as const) {
        assert.ok(
            places(feed)?.every(([name, line]) => name === file && Number(line) > 0),
            feed,
        );
        assert.throws(() => contractOf(feed, feeds), { message: feeds.refused.get(feed)?.message ?? '-' });
    }
    assert.throws(() => contractOf('nobody', feeds), {
        message:
            /there are generic-ndjson, generic-register-csv, lcl, and with a faulty contract broken, generic-csv, mine, other/,
    });
});
