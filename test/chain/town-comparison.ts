import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { EngineSession } from '../../src/engine/engine.ts';
import { readStatus } from '../../src/pipeline/status.ts';
import { sourceKeys } from './chain-world.ts';
import { compareFlaws } from './flaw-outcomes.ts';
import type { TownWorld } from './town-run.ts';

/** Collects what differs; each kind of difference is counted, and a few examples of it are kept. */
export class Differences {
    readonly texts: string[] = [];

    /** Both directions, as multisets: a row too many, one too few and one twice are all told. */
    async between(session: EngineSession, what: string, found: string, expected: string): Promise<void> {
        for (const [side, query] of [
            ['only in the chain', `(${found}) except all (${expected})`],
            ['only in the truth', `(${expected}) except all (${found})`],
        ] as const) {
            await session.materialise('difference', query);
            const rows = await session.rows('select *, count(*) over () as n from difference limit 3');
            for (const row of rows) this.texts.push(`${what}, ${side}: ${shown(row)}`);
        }
    }

    equal(what: string, found: unknown, expected: unknown): void {
        const [x, y] = [canonical(found), canonical(expected)];
        if (x !== y) this.texts.push(`${what}: the chain says ${x}, the truth ${y}`);
    }
}

function shown(row: object): string {
    return JSON.stringify(row, (_key, value) => (typeof value === 'bigint' ? String(value) : value));
}

/** Objects by sorted keys, without those that are 0. */
function canonical(value: unknown): string {
    if (typeof value !== 'object' || value === null) return String(value);
    const entries = Object.entries(value).filter(([, n]) => n !== 0);
    return JSON.stringify(Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1))));
}

/** What came into a home besides what its town sent: rows that are versions which others beat. */
export interface Besides {
    readonly files: number;
    readonly rows: number;
}

/** What is looked at to hold a home against its town, however the town was delivered. */
export type PublishedTown = Pick<TownWorld, 'workspace' | 'townFolder' | 'totals' | 'withViews'>;

/** Enters estimates into the session's table `truth` where nothing was measured, and tells how many. */
export type Estimating = (session: EngineSession) => Promise<number>;

/** Everything in which a home differs from the truth of the town that it was fed with, file by file in their order. */
export async function compareTown(town: TownWorld, marketZone: string): Promise<string[]> {
    const differences = new Differences();
    const keys = await sourceKeys(town.workspace);
    differences.texts.push(...(await comparePublished(town, marketZone)));
    differences.equal('released', town.released, town.totals.released);
    // As known now: the chain decides on every version anew and leaves each one's outcome in the session.
    await town.withViews((session) => compareFlaws(session, differences, town, keys), Date.now() + 60_000);
    return differences.texts;
}

/** What does not depend on the order in which a stamped town was delivered: intervals, hours, days, energy and counts. */
export async function comparePublished(
    town: PublishedTown,
    marketZone: string,
    estimating?: Estimating,
    besides: Besides = { files: 0, rows: 0 },
): Promise<string[]> {
    const differences = new Differences();
    let estimated = 0;
    await town.withViews(async (session) => {
        await registerTruth(session, town);
        estimated = (await estimating?.(session)) ?? 0;
        await compareReadings(session, differences, marketZone);
        // the truth about regions is one about what was sent
        if (estimating === undefined) await compareRegions(session, differences, town);
    });
    await compareTotals(differences, town, estimated, besides);
    return differences.texts;
}

async function registerTruth(session: EngineSession, town: PublishedTown): Promise<void> {
    const file = path.join(town.townFolder, 'truth', 'intervals.csv.gz').replaceAll("'", "''");
    await session.run(`create or replace temp table truth as
        select meter_id, register, epoch_ms(cast(period_from as timestamptz)) as at_ms, cast(minutes as integer) as minutes,
            case when kwh = '' then null else kwh || '000' end as kwh, quality
        from read_csv('${file}', header = true, all_varchar = true, nullstr = 'no text is null')`);
}

async function compareReadings(
    session: EngineSession,
    differences: Differences,
    zone: string,
): Promise<void> {
    await differences.between(
        session,
        'an interval',
        `select meter_id, register_id, epoch_ms(read_at) as at_ms, cast(minutes as integer) as minutes, cast(kwh as varchar) as kwh, quality_flag from reads_15min`,
        'select meter_id, register, at_ms, minutes, kwh, quality from truth',
    );
    const sums = `cast(sum(cast(kwh as decimal(18, 6))) as varchar) as kwh, count(*) as expected, count(*) filter (where quality = 'good') as good,
        count(*) filter (where quality = 'estimated') as estimated, count(*) filter (where quality = 'missing') as missing`;
    const found =
        'cast(kwh as varchar) as kwh, expected_count, measured_count, estimated_count, missing_count';
    await differences.between(
        session,
        'an hour',
        `select meter_id, register_id, epoch_ms(hour) as hour_ms, ${found} from reads_hourly`,
        // The zones of these tests are whole hours from UTC, so that their hours are those of UTC.
        `select meter_id, register, at_ms - at_ms % 3600000 as hour_ms, ${sums} from truth group by all`,
    );
    await differences.between(
        session,
        'a day',
        `select meter_id, register_id, cast(day as varchar) as day, ${found} from reads_daily`,
        `select meter_id, register, cast(cast(timezone('${zone}', make_timestamptz(at_ms * 1000)) as date) as varchar) as day, ${sums} from truth group by all`,
    );
}

async function compareRegions(
    session: EngineSession,
    differences: Differences,
    town: PublishedTown,
): Promise<void> {
    const rows = await session.rows(
        `select c.flow, a.value as region, cast(sum(r.kwh) as varchar) as kwh from reads_daily as r
         inner join (select distinct meter_id, register_id, metering_point_id, flow from channels) as c using (meter_id, register_id)
         inner join metering_point_attributes as a on a.metering_point_id = c.metering_point_id and a.attribute = 'region'
         group by all having sum(r.kwh) is not null`,
    );
    const found = Object.fromEntries(rows.map((r) => [`${r.flow} ${r.region}`, r.kwh]));
    const truth = Object.entries(town.totals.intervals.kwh).flatMap(([flow, { byRegion }]) =>
        Object.entries(byRegion).map(([region, kwh]) => [`${flow} ${region}`, `${kwh}000`]),
    );
    differences.equal('energy by region', found, Object.fromEntries(truth));
}

async function compareTotals(
    differences: Differences,
    town: PublishedTown,
    estimated: number,
    besides: Besides,
): Promise<void> {
    const { totals, workspace } = town;
    const status = await readStatus(workspace.lake);
    const refused = await workspace.lake.db.query<{ rule: string; n: number }>(
        'select rule_id as rule, count(*) as n from refused_payloads group by 1',
    );
    const waiting = await town.withViews((session) =>
        session.rows('select reason, count(*) as n from waiting_rows group by 1'),
    );
    const pairs: Record<string, readonly [unknown, unknown]> = {
        'written totals': [JSON.stringify(readTotals(town)), JSON.stringify(totals)],
        channels: [status.channels, totals.channels],
        files: [status.payloadsReceived, totals.files + besides.files],
        'unparsed files': [status.payloadsUnparsed, 0],
        'refused files': [status.payloadsRefused, totals.refusedFiles],
        'refused files by rule': [
            Object.fromEntries(refused.map((r) => [r.rule, Number(r.n)])),
            totals.refusedFilesByRule,
        ],
        rows: [status.rowsReceived, totals.rows + besides.rows],
        'accounted rows': [
            status.versions + status.rowsQuarantined + status.rowsWaiting,
            totals.rows + besides.rows,
        ],
        distinct: [
            status.versions - status.duplicates - status.duplicatesOfSuperseded,
            totals.distinct + besides.rows,
        ],
        duplicates: [status.duplicates, totals.duplicates],
        'duplicates of superseded': [status.duplicatesOfSuperseded, totals.duplicatesOfSuperseded],
        superseded: [status.superseded, totals.superseded + besides.rows],
        withdrawn: [status.withdrawn, totals.withdrawn],
        quarantined: [status.rowsQuarantined, totals.quarantined],
        'quarantined by rule': [status.quarantinedByRule, totals.quarantinedByRule],
        waiting: [status.rowsWaiting, totals.waiting],
        'waiting by reason': [
            Object.fromEntries(waiting.map((w) => [w.reason, Number(w.n)])),
            totals.waitingByReason,
        ],
        'outside validity': [status.outsideValidity, 0],
        conflicts: [status.conflicts, 0],
        rounded: [status.valuesRounded, 0],
        'expected intervals': [status.intervalsExpected, totals.intervals.expected],
        'measured intervals': [status.intervalsMeasured, totals.intervals.good],
        'estimated intervals': [status.intervalsEstimated, totals.intervals.estimated + estimated],
        'missing intervals': [status.intervalsMissing, totals.intervals.missing - estimated],
    };
    for (const [what, [found, expected]] of Object.entries(pairs)) differences.equal(what, found, expected);
}

function readTotals(town: PublishedTown): unknown {
    return JSON.parse(readFileSync(path.join(town.townFolder, 'truth', 'totals.json'), 'utf8'));
}
