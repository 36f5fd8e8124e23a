import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { sweepHome } from '../../src/pipeline/sweep-home.ts';
import {
    type ChainWorld,
    handClock,
    openChainWorld,
    publishedContent,
    readingsCsv,
    variedContract,
} from './chain-world.ts';

const DAY = 86_400_000;
const START = Date.parse('2013-06-01T00:00:00Z');
const clock = handClock('2013-06-01T00:00:00Z');
let world: ChainWorld;

before(async () => {
    world = await openChainWorld({ marketZone: 'UTC', clock });
    world.contract('off', variedContract('generic-csv', 'off', { repeatWindowDays: 'off' }));
    world.contract('long', variedContract('generic-csv', 'long', { repeatWindowDays: '100' }));
});

after(() => world.end());

async function deliver(feed: string): Promise<boolean> {
    const text = readingsCsv([{ meter: feed, at: START - DAY, kwh: '1.5' }]);
    const { received } = await world.ingest(feed, { 'same.csv': text });
    await refreshAll(world.workspace);
    return received.repeats === 1;
}

async function identities(): Promise<number> {
    const rows = await world.workspace.lake.db.query<{ n: number }>(
        'select count(*) as n from payload_identities',
    );
    return rows[0]?.n ?? 0;
}

const swept = async () => (await sweepHome(world.workspace, { keepDays: 7 })).forgottenIdentities;

test('within the window the same delivery is a repeat, and a sweep forgets nothing of it', async () => {
    for (const feed of ['generic-csv', 'off', 'long']) assert.equal(await deliver(feed), false);
    const content = await publishedContent(world);
    assert.equal(content.length > 0, true);
    clock.at = START + 35 * DAY;
    assert.equal(await deliver('generic-csv'), true);
    // what is never compared need not be kept
    assert.equal(await swept(), 1);
    assert.equal(await identities(), 2);
    assert.equal(await deliver('generic-csv'), true);
    assert.equal(await deliver('long'), true);
    assert.deepEqual(await publishedContent(world), content);
});

test('after the window its identity is forgotten and it is received anew, as a duplicate', async () => {
    const energy = () =>
        world.query(
            `select sum(kwh) as kwh, sum(row_count) as n, sum(duplicate_count) as again from reads_daily where meter_id = 'generic-csv'`,
        );
    assert.deepEqual(await energy(), [{ kwh: '1.500000', n: 1n, again: 0n }]);
    clock.at = START + 36 * DAY + 1;
    assert.equal(await swept(), 1);
    assert.equal(await identities(), 1);
    assert.equal(await deliver('generic-csv'), false);
    assert.deepEqual(await energy(), [{ kwh: '1.500000', n: 2n, again: 1n }]);
    assert.equal(await deliver('generic-csv'), true);
    assert.equal(await deliver('long'), true);
});

test('payloads that are not parsed keep theirs', async () => {
    const { db } = world.workspace.lake;
    await db.query('update segments set parsed_at = null');
    clock.at = START + 1000 * DAY;
    const kept = await identities();
    assert.equal(await swept(), 0);
    await db.query('update segments set parsed_at = received_at');
    assert.equal(await swept(), kept);
});
