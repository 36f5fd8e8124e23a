import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { EVERY_FLAW, FLAWS, INTERVAL_FLAWS } from '../../src/simulate/flaws.ts';
import { simulateTown } from '../../src/simulate/town.ts';
import type { TownOptions } from '../../src/simulate/town-options.ts';
import type { TownTotals } from '../../src/simulate/truth-files.ts';
import { readLines, replayTown } from './naive-replay.ts';

const root = mkdtempSync(join(tmpdir(), 'gridtally-simulate-'));
after(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;

type Given = Partial<TownOptions> & { seed: string };

async function makeTown(given: Given): Promise<{ folder: string; totals: TownTotals; options: TownOptions }> {
    folders += 1;
    const folder = join(root, String(folders));
    const options: TownOptions = {
        outFolder: folder,
        homes: 12,
        from: '2013-03-18',
        to: '2013-04-04',
        marketZone: 'Europe/London',
        feed: 'generic-csv',
        flaws: EVERY_FLAW,
        ...given,
    };
    return { folder, totals: await simulateTown(options), options };
}

function hashesOf(folder: string): string[] {
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
        entry.isFile(),
    );
    return files
        .map(({ parentPath, name }) => join(parentPath, name))
        .sort()
        .map((path) => {
            const hash = createHash('sha256').update(readFileSync(path)).digest('hex');
            return `${path.slice(folder.length)} ${hash}`;
        });
}

test('the same seed writes the same bytes, another seed others', async () => {
    const [first, second, other] = await Promise.all([
        makeTown({ seed: 'a', compress: 'gzip', homes: 5 }),
        makeTown({ seed: 'a', compress: 'gzip', homes: 5 }),
        makeTown({ seed: 'b', compress: 'gzip', homes: 5 }),
    ]);
    assert.deepEqual(hashesOf(first.folder), hashesOf(second.folder));
    assert.notDeepEqual(hashesOf(first.folder), hashesOf(other.folder));
});

test('flaws change what is delivered, not the energy that was used', async () => {
    const clean = await makeTown({ seed: 'c', homes: 4, flaws: {} });
    const flawed = await makeTown({ seed: 'c', homes: 4, flaws: { corrected: 0.2, late: 0.2 } });
    const intervals = ({ folder }: { folder: string }) => readLines(join(folder, 'truth/intervals.csv.gz'));
    assert.deepEqual(intervals(flawed), intervals(clean));
    assert.equal(clean.totals.rows, clean.totals.distinct);
    assert.ok(flawed.totals.superseded > 0);
});

test('where the clock moves by half an hour, each home has a row for each interval of the day and no other', async () => {
    for (const [from, to, count] of [
        ['2013-04-06', '2013-04-09', 48 + 49 + 48],
        ['2013-10-05', '2013-10-08', 48 + 47 + 48],
    ] as const) {
        const given = {
            seed: 'half',
            marketZone: 'Australia/Lord_Howe',
            minutes: 30,
            homes: 3,
            from,
            to,
        } as const;
        const { folder, totals } = await makeTown({ ...given, flaws: {} });
        const intervals = readLines(join(folder, 'truth/intervals.csv.gz')).slice(1);
        const channels = new Set(intervals.map((line) => line.split(',').slice(0, 2).join()));
        assert.ok(channels.size >= given.homes);
        assert.equal(intervals.length, channels.size * count);
        assert.deepEqual([totals.rows, totals.quarantined], [intervals.length, 0]);
    }
});

const CASES: readonly (Given & { what: string })[] = [
    { what: 'csv by day', seed: 'replay-1' },
    { what: 'csv by day without stamps', seed: 'replay-2', stamped: false },
    {
        what: 'csv of mixed lengths by device and hour',
        seed: 'replay-3',
        minutes: 'mixed',
        delivery: 'per-device-hour',
        homes: 4,
        to: '2013-03-26',
    },
    { what: 'csv in bulk, zstd', seed: 'replay-4', delivery: 'bulk', compress: 'zstd', to: '2013-05-02' },
    { what: 'ndjson by day, gzip', seed: 'replay-5', feed: 'generic-ndjson', compress: 'gzip', minutes: 15 },
    { what: 'csv of a feed that registers', seed: 'replay-6', registeredByLoad: false },
    { what: 'lcl', seed: 'replay-7', feed: 'lcl' },
    { what: 'csv by hour', seed: 'replay-9', delivery: 'per-hour', homes: 6 },
    {
        what: 'csv when the clock goes back',
        seed: 'replay-8',
        from: '2013-10-20',
        to: '2013-11-03',
        minutes: 60,
        homes: 25,
    },
];

describe('an independent replay of the deliveries finds the truth', () => {
    for (const { what, ...given } of CASES) {
        test(what, async () => {
            const { folder, totals, options } = await makeTown(given);
            const isLcl = options.feed === 'lcl';
            const columns = ['meter_id', 'register', 'read_at', 'minutes', 'value', 'unit', 'quality'];
            const generic = options.stamped === false ? columns : [...columns, 'version'];
            const format = {
                feed: options.feed,
                columns: isLcl
                    ? ['LCLid', 'tstp', 'energy(kWh/hh)']
                    : options.feed === 'generic-csv'
                      ? generic
                      : undefined,
                isRegisteredByLoad: options.registeredByLoad ?? !isLcl,
            };
            const replay = replayTown(folder, format, horizonOf(options));
            const truth = readLines(join(folder, 'truth/intervals.csv.gz')).slice(1);
            const intervals = [...replay.intervals].map(([key, content]) => `${key},${content}`);
            assert.deepEqual(intervals.sort(), [...truth].sort());
            assert.deepEqual(outcomesOfReplay(replay), outcomesOfTruth(folder));
            assertTotals(totals, replay);
        });
    }
});

function horizonOf(options: TownOptions): { from: number; to: number } {
    const at = (date: string) => Date.parse(`${date}T00:00:00Z`) - (isSummer(date) ? 3_600_000 : 0);
    return { from: at(options.from), to: at(options.to) };
}

/** Summer time of London in 2013. */
function isSummer(date: string): boolean {
    return date > '2013-03-31' && date <= '2013-10-27';
}

/** Everything that is no plain reading, as sorted texts. */
function outcomesOfReplay(replay: ReturnType<typeof replayTown>): string[] {
    const rows = replay.rows
        .filter((row) => row.outcome !== 'accepted')
        .map((row) => `${row.file}:${row.line} ${row.outcome} ${row.rule ?? ''}`);
    const refused = [...replay.refused].map(([file, rule]) => `${file} file_refused ${rule}`);
    return [...rows, ...refused].sort();
}

interface FlawLine {
    flaw: string;
    file: string | null;
    line: number | null;
    expected: string;
    rule?: string;
    rows?: number;
}

/** The same from `truth/flaws.ndjson`; the rows of a file that came twice are duplicates unless a line says otherwise. */
function outcomesOfTruth(folder: string): string[] {
    const flaws = readLines(join(folder, 'truth/flaws.ndjson')).map((line) => JSON.parse(line) as FlawLine);
    const said = new Map<string, string>();
    for (const { file, line, expected, rule } of flaws) {
        if (file === null || line === null) continue;
        assert.ok(!said.has(`${file}:${line}`), `${file}:${line} has one outcome`);
        said.set(`${file}:${line}`, `${expected} ${rule ?? ''}`);
    }
    for (const { flaw, file, rows = 0 } of flaws) {
        if (flaw !== 'duplicated-file' || rows === 0) continue;
        const firstLine = file?.includes('.ndjson') ? 1 : 2;
        for (let line = firstLine; line < rows + firstLine; line += 1) {
            if (!said.has(`${file}:${line}`)) said.set(`${file}:${line}`, 'duplicate ');
        }
    }
    const refused = flaws
        .filter((f) => f.expected === 'file_refused')
        .map((f) => `${f.file} file_refused ${f.rule}`);
    const rows = [...said]
        .filter(([, outcome]) => outcome !== 'accepted ')
        .map(([at, outcome]) => `${at} ${outcome}`);
    return [...rows, ...refused].sort();
}

function assertTotals(totals: TownTotals, { rows, refused, intervals }: ReturnType<typeof replayTown>): void {
    const count = (...outcomes: string[]) => rows.filter((row) => outcomes.includes(row.outcome)).length;
    assert.equal(totals.rows, rows.length);
    assert.equal(
        totals.rows,
        totals.distinct +
            totals.duplicates +
            totals.duplicatesOfSuperseded +
            totals.quarantined +
            totals.waiting,
    );
    assert.equal(
        totals.distinct,
        totals.intervals.good + totals.intervals.estimated + totals.superseded + totals.withdrawn,
    );
    assert.equal(totals.distinct, count('accepted', 'superseded', 'released'));
    assert.equal(totals.duplicates, count('duplicate'));
    assert.equal(totals.duplicatesOfSuperseded, count('duplicate_of_superseded'));
    assert.equal(totals.superseded, count('superseded'));
    assert.equal(totals.quarantined, count('quarantined'));
    assert.equal(totals.waiting, count('waiting'));
    assert.equal(totals.released, count('released'));
    assert.equal(totals.refusedFiles, refused.size);
    assert.equal(totals.intervals.expected, intervals.size);
    const sum = [...intervals.values()].reduce(
        (milli, content) => milli + BigInt(content.split(',')[1]?.replace('.', '') || '0'),
        0n,
    );
    const { to_customer, from_customer } = totals.intervals.kwh;
    const stated = [to_customer, from_customer].flatMap(({ byRegion }) => Object.values(byRegion));
    assert.equal(
        sum,
        stated.reduce((milli, kwh) => milli + BigInt(kwh.replace('.', '')), 0n),
    );
}

test('stamped deliveries give the same intervals in the opposite order, unstamped ones others', async () => {
    const intervalsOf = async (stamped: boolean, isReversed: boolean) => {
        const { folder, options } = await makeTown({ seed: 'order', stamped, homes: 6 });
        const columns = ['meter_id', 'register', 'read_at', 'minutes', 'value', 'unit', 'quality'];
        const format = {
            feed: 'generic-csv',
            columns: stamped ? [...columns, 'version'] : columns,
            isRegisteredByLoad: true,
        };
        return replayTown(folder, format, horizonOf(options), isReversed).intervals;
    };
    const truth = await intervalsOf(true, false);
    assert.deepEqual(await intervalsOf(true, true), truth);
    assert.deepEqual(await intervalsOf(false, false), truth);
    assert.notDeepEqual(await intervalsOf(false, true), truth);
});

test('files.ndjson counts the rows of each file', async () => {
    const { folder, totals } = await makeTown({ seed: 'files' });
    const files = readLines(join(folder, 'truth/files.ndjson')).map((line) => JSON.parse(line));
    const sum = (of: (file: (typeof files)[number]) => number) =>
        files.reduce((total, file) => total + of(file), 0);
    const quarantined = (file: { quarantinedByRule: Record<string, number> }) =>
        Object.values(file.quarantinedByRule).reduce((total, n) => total + n, 0);
    assert.equal(files.length, totals.files);
    assert.equal(
        sum((file) => file.rows),
        totals.rows,
    );
    for (const file of files) {
        const { rows, distinct, duplicates, duplicatesOfSuperseded, waiting } = file;
        assert.equal(rows, distinct + duplicates + duplicatesOfSuperseded + waiting + quarantined(file));
    }
    assert.equal(sum(quarantined), totals.quarantined);
});

test('days of a clock change have 92 and 100 quarter-hours', async () => {
    const perDay = async (from: string, to: string) => {
        const { totals } = await makeTown({ seed: 'clock', homes: 1, from, to, minutes: 15, flaws: {} });
        return totals.intervals.expected / totals.channels;
    };
    assert.equal(await perDay('2013-03-31', '2013-04-01'), 92);
    assert.equal(await perDay('2013-10-27', '2013-10-28'), 100);
    assert.equal(await perDay('2013-06-01', '2013-06-02'), 96);
});

test('every flaw occurs about as often as its rate says', async () => {
    const { totals, folder } = await makeTown({ seed: 'often', homes: 40, to: '2013-04-29' });
    const intervals = totals.intervals.expected;
    for (const flaw of Object.keys(FLAWS) as (keyof typeof FLAWS)[])
        assert.ok((totals.flaws[flaw] ?? 0) > 0, flaw);
    const wanted = { missing: 1, 'reported-missing': 1, 'other-unit': 1, 'estimated-only': 1 } as const;
    for (const flaw of INTERVAL_FLAWS) {
        if (!(flaw in wanted)) continue;
        const expected = intervals * (EVERY_FLAW[flaw] ?? 0);
        assert.ok(
            Math.abs((totals.flaws[flaw] ?? 0) - expected) < expected * 0.25,
            `${flaw}: ${totals.flaws[flaw]} of ${expected}`,
        );
    }
    const rules = Object.keys(totals.quarantinedByRule);
    assert.deepEqual(rules.sort(), [
        'row.fields',
        'row.interval-length',
        'row.meter-blank',
        'row.minutes',
        'row.quality',
        'row.stamp-format',
        'row.stamp-future',
        'row.stamp-impossible',
        'row.stamp-off-grid',
        'row.unit',
        'row.value-decimals',
        'row.value-format',
        'row.value-missing',
        'row.value-negative',
        'row.value-too-large',
        'row.version',
    ]);
    assert.ok(totals.lateHomes > 0 && readdirSync(folder).includes('master-late'));
});

test('options that do not go together are refused', async () => {
    const refused = (given: Partial<TownOptions>) =>
        assert.rejects(makeTown({ seed: 'x', ...given }), { code: 'usage.invalid' });
    await refused({ homes: 0 });
    await refused({ to: '2013-03-18' });
    await refused({ feed: 'lcl', minutes: 15 });
    await refused({ feed: 'lcl', stamped: true });
    await refused({ flaws: { missing: 0.6, corrected: 0.6 } });
    await refused({ flaws: { late: -1 } });
    await refused({ registeredByLoad: false, unknownMeters: 'wait' });
    await refused({ marketZone: 'Australia/Lord_Howe', minutes: 60, to: '2013-04-10' });
});
