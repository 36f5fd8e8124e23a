import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { parseReceived, refreshAll } from '../../src/pipeline/chain.ts';
import { refusedFeeds } from '../../src/pipeline/refused-feeds.ts';
import { readStatus } from '../../src/pipeline/status.ts';
import { work } from '../../src/pipeline/work.ts';
import { receive } from '../../src/raw/receive.ts';
import { runCommand } from '../cli/run-command.ts';
import { type ChainWorld, openChainWorld, readingsCsv, variedContract } from './chain-world.ts';

// The feed `mine` has delivered and has a payload that nobody parsed yet when its contract is spoilt; `generic-csv` goes on.
const FROM = Date.parse('2013-05-01T00:00:00Z');
const GOOD = variedContract('generic-csv', 'mine', { unknownMeter: 'wait' });
let world: ChainWorld;

const reading = (meter: string, n: number) => readingsCsv([{ meter, at: FROM + n * 1_800_000, kwh: '1.5' }]);
const run = (...args: string[]) => runCommand(world.homeFolder, ...args);

function given(name: string, text: string): string {
    const file = path.join(world.folder, name);
    writeFileSync(file, text);
    return file;
}

before(async () => {
    world = await openChainWorld({ marketZone: 'UTC' });
    world.contract('mine', GOOD);
    await world.load(
        'metering-points',
        'p.csv',
        'metering_point_id,meter_id,interval_minutes,valid_from\nP,A,30,2013-05-01\n',
    );
    await world.ingest('mine', { 'a1.csv': reading('A', 1), 'w.csv': reading('W', 1) });
    const { raw, lake } = world.workspace;
    const [feed] = await lake.db.query<{ feedId: number }>(
        `select feed_id as "feedId" from feeds where name = 'mine'`,
    );
    const source = { feedId: feed?.feedId ?? 0, name: 'mine', repeatWindowDays: 35 };
    const payload = { sourceKey: 'a2.csv', path: given('a2.csv', reading('A', 2)) };
    for await (const receipt of receive(raw, source, [payload])) assert.equal(receipt.isRepeat, false);
    world.contract('mine', GOOD.replace(/(property: unit\n\s+value: ).*/, '$1stone'));
});

after(() => world.end());

const PLACE = /mine\.odcs\.yaml:\d+ unit: /;

test('the other feeds are received, parsed and refreshed, and the status tells what waits', async () => {
    const file = given('b.csv', reading('B', 1));
    const { code, out, said } = await run('ingest', file, '--feed', 'generic-csv', '--refresh');
    assert.equal(code, 1, said);
    assert.match(out, /parsed 1 payload: 1 row = 1 accepted/);
    assert.match(out.replace(/\s+/g, ' '), /feed mine: .*\. 1 payload received and not parsed\./);
    assert.match(out, PLACE);
    assert.deepEqual(
        await world.query('select meter_id, kwh from reads_15min where kwh is not null order by 1'),
        [
            { meter_id: 'A', kwh: '1.500000' },
            { meter_id: 'B', kwh: '1.500000' },
        ],
    );
    const status = await run('status');
    assert.equal(status.code, 0);
    assert.match(status.out, PLACE);
    assert.equal((await readStatus(world.workspace.lake)).payloadsUnparsed, 1);
});

test('the feed itself is refused with file and line: nothing is received, listed or checked by it', async () => {
    const file = given('a3.csv', reading('A', 3));
    for (const args of [
        ['ingest', file, '--feed', 'mine'],
        ['feed', 'check', file, '--feed', 'mine'],
        ['feed', 'list'],
    ]) {
        const { code, out, said } = await run(...args);
        assert.equal(code, 1, args.join(' '));
        assert.match(out + said, PLACE);
    }
    assert.equal((await readStatus(world.workspace.lake)).payloadsReceived, 4);
    const listed = await run('feed', 'list', '--json');
    const feeds = JSON.parse(listed.out) as { feed: string; error?: { code: string } }[];
    assert.equal(feeds.find(({ feed }) => feed === 'mine')?.error?.code, 'feed.contract-invalid');
    assert.equal(feeds.length, 5);
});

test('what waits for a meter is released by the last contract that could be used', async () => {
    const loaded = await world.load(
        'metering-points',
        'w.csv',
        'metering_point_id,meter_id,interval_minutes,valid_from\nW,W,30,2013-05-01\n',
    );
    assert.equal(loaded.released, 1);
    await refreshAll(world.workspace);
    const [row] = await world.query(`select kwh from reads_15min where meter_id = 'W' and kwh is not null`);
    assert.equal(row?.kwh, '1.500000');
});

test('work ends without the payloads that it cannot parse, and says so', async () => {
    const done = await run('work');
    assert.equal(done.code, 1, done.said);
    assert.match(done.out, PLACE);
});

test('a contract file that is gone stops its feed alone too', async () => {
    rmSync(path.join(world.homeFolder, 'feeds', 'mine.odcs.yaml'));
    const [refused] = await refusedFeeds(world.workspace);
    assert.deepEqual(
        [refused?.feed, refused?.error.code, refused?.payloadsUnparsed],
        ['mine', 'feed.unknown', 1],
    );
    assert.equal((await parseReceived(world.workspace)).payloads, 0);
});

test('a process that is at work takes up what waited as soon as the contract is mended', async () => {
    const stop = new AbortController();
    const ended = work(world.workspace, {
        isFollowing: true,
        stop: stop.signal,
        pollMs: 20,
        onRound: ({ payloads }) => {
            if (payloads > 0) stop.abort();
        },
    });
    await new Promise((resolve) => setTimeout(resolve, 500));
    world.contract('mine', GOOD);
    assert.equal((await ended).payloads, 1);
    assert.deepEqual(await refusedFeeds(world.workspace), []);
    assert.equal((await readStatus(world.workspace.lake)).payloadsUnparsed, 0);
});
