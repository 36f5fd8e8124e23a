import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accountText } from '../../src/cli/demo-summary.ts';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { readAccount } from '../../src/pipeline/status.ts';
import { type ChainWorld, openChainWorld, readingsCsv } from './chain-world.ts';

const HOUR = 3_600_000;
const FROM = Date.parse('2013-06-01T00:00:00Z');
const HEADER = 'metering_point_id,meter_id,interval_minutes,valid_from,valid_to';
let world: ChainWorld;

before(async () => {
    world = await openChainWorld({ marketZone: 'UTC' });
    await world.load('metering-points', 'first.csv', `${HEADER}\nP,A,60,2013-06-01,\n`);
});

after(() => world.end());

async function counts(): Promise<Record<string, number>> {
    const account = await readAccount(world.workspace.lake);
    const { rowsReceived, versions, rowsWaiting, winning, awaitingRefresh, outsideValidity } = account.status;
    requireSums(accountText(account));
    assert.equal(rowsReceived, versions + rowsWaiting);
    return { versions, rowsWaiting, winning, awaitingRefresh, outsideValidity };
}

/** The lines that are said to be sums are, of the numbers as they are printed. */
function requireSums(text: readonly string[]): void {
    const numbers = text.map((line) => Number(/ (-?[\d,]+)(?: {2}|$)/.exec(line)?.[1]?.replaceAll(',', '')));
    const parts: Readonly<Record<string, number>> = { three: 3, eight: 8, nine: 9 };
    let sums = 0;
    for (const [at, line] of text.entries()) {
        assert.doesNotMatch(line, /IS NOT/, text.join('\n'));
        const many = parts[/= the next (\w+)$/.exec(line)?.[1] ?? ''];
        if (many === undefined) continue;
        const below = numbers.slice(at + 1, at + 1 + many);
        assert.equal(
            numbers[at],
            below.reduce((sum, n) => sum + n, 0),
            text.join('\n'),
        );
        sums += 1;
    }
    assert.equal(sums, 2);
}

test('versions that no refresh has looked at await one, and none is said to lie outside its validity', async () => {
    const rows = Array.from({ length: 48 }, (_, i) => ({
        meter: 'A',
        at: FROM + i * HOUR,
        minutes: 60,
        kwh: '1',
    }));
    await world.ingest('generic-csv', { 'all.csv': readingsCsv(rows) });
    const received = { versions: 48, rowsWaiting: 0, winning: 0, awaitingRefresh: 48, outsideValidity: 0 };
    assert.deepEqual(await counts(), received);
    await refreshAll(world.workspace);
    assert.deepEqual(await counts(), { ...received, winning: 48, awaitingRefresh: 0 });
});

test('a correction makes the versions of its partition await a refresh, and no others', async () => {
    const correction = [{ meter: 'A', at: FROM, minutes: 60, kwh: '2', version: 2 }];
    await world.ingest('generic-csv', { 'correction.csv': readingsCsv(correction) });
    const corrected = { versions: 49, rowsWaiting: 0, winning: 48, awaitingRefresh: 25, outsideValidity: 0 };
    assert.deepEqual(await counts(), corrected);
    await refreshAll(world.workspace);
    assert.deepEqual(await counts(), { ...corrected, awaitingRefresh: 0 });
});

test('between a load that displaces versions and its refresh the rest of their partition awaits one', async () => {
    const ended = `${HEADER}\nP,A,60,2013-06-01,2013-06-02T08:00:00Z\n`;
    const { displaced } = await world.load('metering-points', 'ended.csv', ended);
    assert.equal(displaced, 16);
    const loaded = { versions: 33, rowsWaiting: 16, winning: 48, awaitingRefresh: 8, outsideValidity: 0 };
    assert.deepEqual(await counts(), loaded);
    await refreshAll(world.workspace);
    assert.deepEqual(await counts(), { ...loaded, winning: 32, awaitingRefresh: 0 });
});
