import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { type ChainWorld, openChainWorld, readingsCsv } from '../chain/chain-world.ts';
import { runCommand } from './run-command.ts';

let world: ChainWorld;

before(async () => {
    world = await openChainWorld({ marketZone: 'UTC' });
});
after(() => world.end());

/** A reading for each half-hour of these days. */
function file(kwh: string, ...days: string[]): string {
    const rows = days.flatMap((day) =>
        Array.from({ length: 48 }, (_, i) => ({ meter: 'M1', at: Date.parse(day) + i * 1_800_000, kwh })),
    );
    return readingsCsv(rows);
}

async function draft(month: string): Promise<{ warnings: string[]; document: Record<string, unknown> }> {
    const { code, out, said } = await runCommand(world.homeFolder, 'bill', '--period', month, '--json');
    assert.equal(code, 0, said);
    return {
        warnings: said.split('\n').filter((line) => line.startsWith('warning')),
        document: JSON.parse(out),
    };
}

test('bills that are drafted before a refresh are warned of, by month', async () => {
    await world.ingest('generic-csv', { 'a.csv': file('1', '2024-01-31', '2024-02-01', '2024-02-02') });
    const early = await draft('2024-02');
    assert.equal(early.document.stalePartitions, 2);
    assert.match(early.warnings.join(), /2 partitions of 2024-02 await a refresh.*gridtally refresh/);
    await refreshAll(world.workspace);
    const fresh = await draft('2024-02');
    assert.deepEqual([fresh.document.stalePartitions, fresh.warnings], [0, []]);
    await world.ingest('generic-csv', { 'b.csv': file('2', '2024-02-02') });
    assert.match((await draft('2024-02')).warnings.join(), /1 partition of 2024-02 awaits a refresh/);
    assert.deepEqual((await draft('2024-01')).warnings, []);
});

test('a month beyond all readings is warned of', async () => {
    const { document, warnings } = await draft('2031-01');
    assert.equal(document.newestMarketDay, '2024-02-02');
    assert.deepEqual(warnings, ['warning: no reading reaches into 2031-01: the newest is of 2024-02-02']);
});
