import assert from 'node:assert/strict';
import { calendarDate } from '../../src/kernel/calendar-date.ts';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { draftPeriod } from '../../src/pipeline/draft-period.ts';
import { editReadings, withdrawEdit } from '../../src/pipeline/edit-readings.ts';
import { type RebuildOutcome, rebuildFromRaw } from '../../src/pipeline/rebuild-from-raw.ts';
import { readStatus } from '../../src/pipeline/status.ts';
import { contentOf, type HomeContent } from '../crash/home-content.ts';
import { type ChainWorld, publishedContent, readingsCsv, variedContract } from './chain-world.ts';
import { FLAWED_TOWN, openTown, type TownWorld } from './town-run.ts';

const VERSIONS = `select concat_ws('|', market_day, v.channel_no, epoch_us(period_from), coalesce(cast(kwh as varchar), '-'), quality,
        coalesce(source_code, '-'), feed_id, coalesce(version_stamp, -1), sequence, ordinal, epoch_us(received_at)) as line from reading_versions as v`;

/** Everything that the lake holds, rows of versions too, and the counts of the home. */
export async function wholeContent(world: ChainWorld): Promise<HomeContent> {
    const content = new Map(await contentOf(world.workspace));
    const lines = async (sql: string) => (await world.query(sql)).map((row) => String(row.line)).sort();
    content.set('reading_versions', await lines(VERSIONS));
    content.set(
        'reasons of waiting rows',
        await lines(
            `select concat_ws('|', meter_key, epoch_us(period_from), reason, sequence) as line from waiting_rows`,
        ),
    );
    const { lakeFiles: _, lakeBytes: __, ...counts } = await readStatus(world.workspace.lake);
    content.set(
        'status',
        Object.entries(counts).map(([name, value]) => `${name} ${JSON.stringify(value)}`),
    );
    return content;
}

export async function rebuild(world: ChainWorld, onProgress?: () => void): Promise<RebuildOutcome> {
    return rebuildFromRaw(world.workspace, world.workspace.openSchema, onProgress);
}

/** A town whose lake can be rebuilt, and what it holds. */
export interface RebuildTown {
    readonly town: TownWorld;
    readonly expected: HomeContent;
    /** What was published as known just before the last load of metering points. */
    readonly known: { readonly at: number; readonly content: readonly string[] };
}

/** A town with every flaw, late loads, a feed whose contract changed its unit, and edits, one of them taken back. */
export async function openRebuildTown(): Promise<RebuildTown> {
    const town = await openTown({ ...FLAWED_TOWN, seed: 'rebuilt' });
    const [first] = await town.query(
        `select meter_id, register_id, interval_minutes as minutes from channels where valid_to is null
           and (valid_from is null or valid_from <= timestamptz '2013-03-29 00:00:00+00') order by channel_no limit 1`,
    );
    assert.ok(first);
    const at = Date.parse('2013-03-30T12:00:00Z');
    const row = { meter: String(first.meter_id), at, minutes: Number(first.minutes) };
    const more = {
        registerId: String(first.register_id),
        from: at,
        quality: 'measured',
        reason: 'seen',
        place: {},
    } as const;
    await editReadings(town.workspace, 'Ada', [{ ...more, meter: row.meter, kwh: '1.5' }]);
    const edit = await editReadings(town.workspace, 'Ada', [{ ...more, meter: row.meter, kwh: '2.5' }]);
    await withdrawEdit(town.workspace, { editNo: edit.editNo, by: 'Ben', reason: 'no' });
    // the same bytes mean watt-hours by the first contract and kilowatt-hours by the second
    const csv = (kwh: string) => ({
        'x.csv': readingsCsv([{ meter: 'X', at, kwh }]).replaceAll('kWh', ''),
    });
    town.contract('units', variedContract('generic-csv', 'units', { unit: 'Wh' }));
    await town.ingest('units', csv('125'));
    town.contract('units', variedContract('generic-csv', 'units', { unit: 'kWh', intervalMinutes: '30' }));
    await town.ingest('units', { 'y.csv': csv('7')['x.csv'].replace('X,', 'Y,') });
    await refreshAll(town.workspace);
    await draftPeriod(town.workspace, {
        from: calendarDate('2013-03-01'),
        to: calendarDate('2013-04-01'),
    });
    const [middle] = await town.workspace.db.query<{ at: number }>(
        `select loaded_at as at from loads where kind = 'metering-points' order by load_no desc limit 1`,
    );
    const before = (middle?.at ?? 0) - 1;
    const known = { at: before, content: await publishedContent(town, before) };
    assert.ok(known.content.length > 1000);
    return { town, expected: await wholeContent(town), known };
}
