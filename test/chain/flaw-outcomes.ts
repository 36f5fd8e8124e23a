import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { EngineSession } from '../../src/engine/engine.ts';
import type { Differences } from './town-comparison.ts';
import type { TownWorld } from './town-run.ts';

/** A line of `truth/flaws.ndjson`. */
interface FlawLine {
    readonly flaw: string;
    readonly file: string | null;
    readonly line: number | null;
    readonly meter: string | null;
    readonly register: string | null;
    readonly period_from: string | null;
    readonly expected: string;
    readonly rule?: string;
    readonly rows?: number;
}

/** A line of `truth/files.ndjson`. */
interface FileLine {
    readonly file: string;
    readonly rows: number;
    readonly refusedRule?: string;
    readonly distinct: number;
    readonly duplicates: number;
    readonly duplicatesOfSuperseded: number;
    readonly waiting: number;
    readonly quarantinedByRule: Readonly<Record<string, number>>;
}

/** Outcomes of a row that became a version, as the truth names them. */
const OF_A_VERSION = ['accepted', 'superseded', 'duplicate', 'duplicate_of_superseded'];

/**
 * Holds every flaw against what became of it. The session must be one of a time (`asOf`): it still has the outcome
 * that the chain gave to each single version.
 */
export async function compareFlaws(
    session: EngineSession,
    differences: Differences,
    town: TownWorld,
    keys: ReadonlyMap<number, string>,
): Promise<void> {
    const flaws = readLines<FlawLine>(town, 'flaws.ndjson');
    const files = readLines<FileLine>(town, 'files.ndjson');
    await session.registerRows(
        'source_keys',
        [
            { name: 'sequence', type: 'bigint' },
            { name: 'file', type: 'string' },
        ],
        [...keys],
    );
    await session.materialise('found', FOUND);
    await registerExpected(session, flaws);
    await compareRows(session, differences);
    await compareFiles(session, differences, town, files);
    await compareFileFlaws(session, differences, town, flaws, files);
    await compareOthers(session, differences, town, flaws);
}

// Every received row with its place and its fate.
const FOUND = `
    select s.file, cast(null as bigint) as line, c.meter_id as meter, c.register_id as register, epoch_ms(v.period_from) as at_ms,
        case coalesce(o.outcome, 'winning') when 'winning' then 'accepted' when 'withdrawn' then 'accepted' else o.outcome end as outcome,
        cast(null as varchar) as rule
    from reading_versions as v
    inner join source_keys as s on s.sequence = v.sequence
    inner join (select distinct channel_no, meter_id, register_id from channels) as c on c.channel_no = v.channel_no
    left join version_outcomes as o on o.channel_no = v.channel_no and o.period_from = v.period_from
        and o.feed_id = v.feed_id and o.sequence = v.sequence and o.ordinal = v.ordinal
    union all
    select s.file, cast(null as bigint), w.meter_key, w.register_key, epoch_ms(w.period_from), 'waiting', w.reason
    from waiting_rows as w inner join source_keys as s on s.sequence = w.sequence
    union all
    select s.file, q.line_no, null, null, null, 'quarantined', q.rule_ids
    from quarantined_rows as q inner join source_keys as s on s.sequence = q.sequence`;

async function registerExpected(session: EngineSession, flaws: readonly FlawLine[]): Promise<void> {
    const rows = flaws.filter(({ line }) => line !== null);
    await session.registerRows(
        'expected',
        [
            { name: 'file', type: 'string' },
            { name: 'line', type: 'bigint' },
            { name: 'meter', type: 'string' },
            { name: 'register', type: 'string' },
            { name: 'at_ms', type: 'bigint' },
            { name: 'outcome', type: 'string' },
            { name: 'rule', type: 'string' },
        ],
        rows.map((f) => [
            path.basename(f.file ?? ''),
            f.line,
            f.meter,
            f.register,
            f.period_from === null ? null : Date.parse(f.period_from),
            // Released rows are accepted in the end; that they waited first is held against the time before the late load.
            f.expected === 'released' ? 'accepted' : f.expected,
            f.expected === 'released' ? null : (f.rule ?? null),
        ]),
    );
}

async function compareRows(session: EngineSession, differences: Differences): Promise<void> {
    await differences.between(
        session,
        'a quarantined row',
        `select file, line, rule from found where outcome = 'quarantined'`,
        `select file, line, rule from expected where outcome = 'quarantined'`,
    );
    await differences.between(
        session,
        'a waiting row',
        `select file, meter, register, at_ms, rule from found where outcome = 'waiting'`,
        `select file, meter, register, at_ms, rule from expected where outcome = 'waiting'`,
    );
    const versions = OF_A_VERSION.map((outcome) => `'${outcome}'`).join(', ');
    const key = 'f.file = e.file and f.meter = e.meter and f.register = e.register and f.at_ms = e.at_ms';
    await differences.between(
        session,
        'a flawed row that became a version',
        `select f.file, f.meter, f.register, f.at_ms, f.outcome from found as f
         semi join (select * from expected where outcome in (${versions})) as e on ${key}`,
        `select file, meter, register, at_ms, outcome from expected where outcome in (${versions})`,
    );
    await differences.between(
        session,
        'a row without a flaw',
        `select f.file, f.outcome from found as f anti join (select * from expected where outcome in (${versions})) as e on ${key}
         where f.outcome in (${versions}) and not (f.outcome = 'accepted' or (f.outcome = 'duplicate' and f.file like '%again-%'))`,
        `select file, outcome from expected where false`,
    );
}

/** What became of the rows of each file, counted. */
async function compareFiles(
    session: EngineSession,
    differences: Differences,
    town: TownWorld,
    files: readonly FileLine[],
): Promise<void> {
    const rows = await session.rows(`select file, outcome, rule, count(*) as n from found group by all`);
    const counts = new Map<string, Record<string, number>>();
    for (const { file, outcome, rule, n } of rows) {
        const ofFile = counts.get(String(file)) ?? {};
        const name =
            outcome === 'quarantined'
                ? String(rule)
                : outcome === 'superseded'
                  ? 'accepted'
                  : String(outcome);
        ofFile[name] = (ofFile[name] ?? 0) + Number(n);
        counts.set(String(file), ofFile);
    }
    for (const { file, distinct, duplicates, duplicatesOfSuperseded, waiting, quarantinedByRule } of files) {
        const expected = {
            accepted: distinct,
            duplicate: duplicates,
            duplicate_of_superseded: duplicatesOfSuperseded,
            waiting,
            ...quarantinedByRule,
        };
        differences.equal(file, counts.get(path.basename(file)) ?? {}, expected);
        counts.delete(path.basename(file));
    }
    differences.equal('files that the truth does not know', counts.size, 0);
    const refused = await town.workspace.lake.db.query<{ file: string; rule: string }>(
        'select source_key as file, rule_id as rule from refused_payloads',
    );
    differences.equal(
        'refused files',
        Object.fromEntries(refused.map((r) => [r.file, r.rule])),
        Object.fromEntries(
            files.flatMap((f) => (f.refusedRule ? [[path.basename(f.file), f.refusedRule]] : [])),
        ),
    );
}

/** Flaws of whole files: refused by the rule, or read with all their rows. */
async function compareFileFlaws(
    session: EngineSession,
    differences: Differences,
    town: TownWorld,
    flaws: readonly FlawLine[],
    files: readonly FileLine[],
): Promise<void> {
    const found = await session.rows('select file, count(*) as n from found group by 1');
    const rowsOf = new Map(found.map(({ file, n }) => [String(file), Number(n)]));
    const refused = await town.workspace.lake.db.query<{ file: string; rule: string }>(
        'select source_key as file, rule_id as rule from refused_payloads',
    );
    const ruleOf = new Map(refused.map(({ file, rule }) => [file, rule]));
    const known = new Set(files.map(({ file }) => file));
    for (const flaw of flaws.filter((f) => f.file !== null && f.line === null)) {
        const file = path.basename(flaw.file ?? '');
        differences.equal(`${file} is known`, known.has(flaw.file ?? ''), true);
        if (flaw.expected === 'file_refused')
            differences.equal(`${flaw.flaw} ${file}`, ruleOf.get(file), flaw.rule);
        else {
            assert.ok(['accepted', 'duplicate'].includes(flaw.expected), `${flaw.flaw} is ${flaw.expected}`);
            differences.equal(`${flaw.flaw} ${file}`, rowsOf.get(file), flaw.rows);
        }
    }
}

/** Flaws without a file: never delivered, or an event of master data; and those that waited for the late load. */
async function compareOthers(
    session: EngineSession,
    differences: Differences,
    town: TownWorld,
    flaws: readonly FlawLine[],
): Promise<void> {
    const missing = await keysOf(
        session,
        `select meter_id || ' ' || register_id || ' ' || epoch_ms(read_at) as key from reads_15min where quality_flag = 'missing'`,
    );
    const begun = await keysOf(
        session,
        `select b.meter_id || ' ' || epoch_ms(b.valid_from) as key from channels as b inner join channels as a
            on a.metering_point_id = b.metering_point_id and a.register_id = b.register_id and a.valid_to = b.valid_from and a.meter_id <> b.meter_id`,
    );
    const moved = await keysOf(
        session,
        `select c.meter_id || ' ' || b.move_in as key from agreements as b
         inner join agreements as a on a.metering_point_id = b.metering_point_id and a.move_out = b.move_in and a.account_id <> b.account_id
         inner join channels as c on c.metering_point_id = b.metering_point_id`,
    );
    const waited = new Set([...town.waitedFirst].map((row) => row.slice(row.indexOf(' ') + 1)));
    for (const flaw of flaws) {
        const at = Date.parse(flaw.period_from ?? '');
        const what = `${flaw.flaw} ${flaw.meter} ${flaw.period_from}`;
        const key = `${flaw.meter} ${flaw.register} ${at}`;
        if (flaw.expected === 'released')
            differences.equal(`${what} waited`, waited.has(`${key} ${flaw.rule}`), true);
        if (flaw.file !== null) continue;
        if (flaw.expected === 'missing') differences.equal(what, missing.has(key), true);
        else if (flaw.flaw === 'exchanged') differences.equal(what, begun.has(`${flaw.meter} ${at}`), true);
        else if (flaw.flaw === 'moved')
            differences.equal(what, moved.has(`${flaw.meter} ${localDate(town, at)}`), true);
        else assert.fail(`nobody says what becomes of ${what}`);
    }
}

async function keysOf(session: EngineSession, query: string): Promise<Set<string>> {
    return new Set((await session.rows(query)).map(({ key }) => String(key)));
}

function localDate(town: TownWorld, at: number): string {
    const timeZone = town.workspace.home.marketZone;
    return new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short' }).format(at);
}

function readLines<T>(town: TownWorld, name: string): T[] {
    const text = readFileSync(path.join(town.townFolder, 'truth', name), 'utf8');
    return text
        .split('\n')
        .slice(0, -1)
        .map((line): T => JSON.parse(line));
}
