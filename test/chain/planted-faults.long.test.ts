import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { overrideModel } from '../../src/engine/compile.ts';
import { planRefreshOf, refreshAll } from '../../src/pipeline/chain.ts';
import { EVERY_FLAW } from '../../src/simulate/flaws.ts';
import { compareTown } from './town-comparison.ts';
import { openTown, type TownWorld } from './town-run.ts';

const ZONE = 'Europe/London';
let town: TownWorld;

before(async () => {
    town = await openTown({
        marketZone: ZONE,
        seed: 'faults',
        homes: 12,
        from: '2013-03-28',
        to: '2013-04-05',
        minutes: 30,
        feed: 'generic-csv',
        flaws: EVERY_FLAW,
    });
});

after(() => town.end());

/** Publishes everything by a changed model, and gives what the comparison then says. */
async function differencesWith(model: string, change: (text: string) => string): Promise<string[]> {
    const undo = overrideModel(model, (text) => {
        const changed = change(text);
        assert.notEqual(changed, text, 'the fault is planted');
        return changed;
    });
    try {
        assert.ok(
            (await planRefreshOf(town.workspace)).rebuilds.length > 0,
            'a changed model makes its tables stale',
        );
        await refreshAll(town.workspace);
        return await compareTown(town, ZONE);
    } finally {
        undo();
        await refreshAll(town.workspace);
    }
}

test('without a fault nothing differs', async () => {
    assert.deepEqual(await compareTown(town, ZONE), []);
});

test('one lost version is found', async () => {
    const [version] = await town.query(
        `select channel_no, sequence, epoch_us(period_from) as at_us from reading_versions where version_stamp = 2 and quality = 'measured'
         order by all limit 1`,
    );
    const differences = await differencesWith(
        'curation/job_versions',
        (text) =>
            `${text.trimEnd()}\n    and not (v.channel_no = ${version?.channel_no} and v.sequence = ${version?.sequence} and instant_us(v.period_from) = ${version?.at_us})\n`,
    );
    assert.ok(
        differences.some((line) => line.startsWith('an interval')),
        differences.join('\n'),
    );
    assert.ok(
        differences.some((line) => line.startsWith('a flawed row') || line.startsWith('superseded')),
        differences.join('\n'),
    );
});

interface PlantedRow {
    readonly channel_no: number;
    readonly at_us: bigint;
}

/** The model of winners, with a row twice and, to keep their number, without another one of the same day. */
function doubled(text: string, row: PlantedRow, without?: PlantedRow): string {
    const is = (one: PlantedRow) =>
        `channel_no = ${one.channel_no} and instant_us(period_from) = ${one.at_us}`;
    const twice = ['uncontested', 'winners'].map(
        (name) => `\nunion all\nselect * from ${name} where ${is(row)}`,
    );
    const left =
        without === undefined
            ? text
            : text.replace(/select \* from (uncontested|winners)$/gm, `$& where not (${is(without)})`);
    return `${left.trimEnd()}${twice.join('')}\n`;
}

test('one doubled row is refused before it is published, and found where another one is missing', async () => {
    const [row, other] = (await town.query(
        `select channel_no, epoch_us(period_from) as at_us from lake_reads_interval order by all limit 2 offset 500`,
    )) as unknown as PlantedRow[];
    assert.ok(row && other);
    const plant = (without?: PlantedRow) =>
        differencesWith('curation/winning_versions', (text) => doubled(text, row, without));
    await assert.rejects(plant(), { code: 'engine.rows-differ' });
    assert.deepEqual(await compareTown(town, ZONE), []);
    const differences = await plant(other);
    assert.ok(
        differences.some((line) => line.startsWith('an interval, only in the chain')),
        differences.join('\n'),
    );
});

test('a wrong hour after a clock change is found', async () => {
    // The hours of a day of 23 counted by the wall clock: one is left out where the clock jumps.
    const differences = await differencesWith('curation/present_hours', (text) =>
        text.replace(
            'int_div(instant_us(r.period_from) - d.day_from_us, 3600000000) as hour_no',
            `int_div(instant_us(r.period_from) - d.day_from_us, 3600000000)
            + case when d.day_to_us - d.day_from_us < 86400000000
                and instant_us(r.period_from) - d.day_from_us >= 3600000000 then 1 else 0 end as hour_no`,
        ),
    );
    assert.ok(
        differences.some((line) => line.startsWith('an hour')),
        differences.join('\n'),
    );
});

test('once the faults are gone nothing differs any more', async () => {
    assert.deepEqual((await planRefreshOf(town.workspace)).rebuilds, []);
    assert.deepEqual(await compareTown(town, ZONE), []);
});
