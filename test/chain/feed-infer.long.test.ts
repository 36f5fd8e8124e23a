// test limit: 240 s
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import type { FeedContract } from '../../src/contracts/feed-contract.ts';
import { parseAside } from '../../src/ingest/preview-file.ts';
import { decompressed } from '../../src/kernel/compression.ts';
import { useLake } from '../../src/lake/lake-use.ts';
import { readContract } from '../../src/parsers/contract.ts';
import { type Draft, draftContract } from '../../src/parsers/draft/draft-contract.ts';
import { simulateTown } from '../../src/simulate/town.ts';
import { runCommand } from '../cli/run-command.ts';
import { shipped } from '../parsers/sample-contracts.ts';
import { type ChainWorld, openChainWorld } from './chain-world.ts';
import { type SampleReading, sampleForms, writeSample } from './infer-samples.ts';
import { LCL_FOLDER, LCL_SKIP, lclHomes } from './lcl-files.ts';

let world: ChainWorld;

before(async () => {
    world = await openChainWorld({ marketZone: 'UTC' });
});

after(() => world.end());

/** Every reading that the contract makes of the bytes, and how many rows it quarantines. */
async function readBy(contract: FeedContract, bytes: Buffer) {
    const { home, lake } = world.workspace;
    const parsed = await useLake(lake, (inUse) =>
        parseAside(
            { home, lake: inUse },
            contract,
            async function* () {
                yield bytes;
            },
            (engine) =>
                engine.rows(
                    `select meter_key, register_key, period_us, minutes, cast(kwh as varchar) as kwh, quality, faults, text from parsed`,
                ),
        ),
    );
    if ('refused' in parsed) throw new Error(`refused: ${JSON.stringify(parsed.refused)}`);
    return parsed.seen;
}

const ROW = ['meter_key', 'register_key', 'period_us', 'minutes', 'kwh', 'quality', 'faults'];

/** Rows as texts, to be compared whatever their order. */
const rowTexts = (rows: Awaited<ReturnType<typeof readBy>>) =>
    rows.map((row) => ROW.map((name) => String(row[name])).join(' ')).sort();

async function draftOf(file: string, zone?: string) {
    const bytes = readFileSync(file);
    const options = { file: path.basename(file), ...(zone === undefined ? {} : { zone }) };
    const draft = await draftContract(decompressed([bytes]), options);
    return { bytes, draft, contract: readContract(draft.contract, 'draft') };
}

const settingOf = (draft: Draft, field: string) =>
    draft.guesses.find((guess) => guess.field === field)?.value;

const lineOf = ({ meter, register, at, kwh, quality }: SampleReading, minutes: number) =>
    [meter, register, new Date(at).toISOString(), minutes, kwh === null ? '-' : `${kwh}000`, quality].join(
        ' ',
    );

test('a draft reads the file that it was made from as it was written, whatever its form', async () => {
    await fc.assert(
        fc.asyncProperty(sampleForms, async (form) => {
            const { bytes, readings, zone } = writeSample(form);
            const told = (contract: string) => `${JSON.stringify(form)}\n${contract}`;
            const draft = await draftContract(decompressed([bytes]), {
                file: 'sample.csv',
                ...(zone === undefined ? {} : { zone }),
            });
            const rows = await readBy(readContract(draft.contract, 'draft'), bytes);
            const faulty = rows.filter((row) => row.faults !== '');
            assert.deepEqual(
                faulty.slice(0, 3).map((row) => [row.faults, row.text]),
                [],
                told(draft.contract),
            );
            const read = rows.map((row) =>
                [
                    row.meter_key,
                    row.register_key,
                    new Date(Number(row.period_us) / 1000).toISOString(),
                    row.minutes,
                    row.kwh ?? '-',
                    row.quality,
                ].join(' '),
            );
            assert.deepEqual(
                read.sort(),
                readings.map((reading) => lineOf(reading, form.minutes)).sort(),
                told(draft.contract),
            );
        }),
        { numRuns: Number(process.env.GRIDTALLY_SAMPLES ?? 10), includeErrorInReport: true },
    );
});

for (const feed of ['generic-csv', 'generic-ndjson', 'lcl'] as const) {
    test(`a draft from files of ${feed} reads them as the shipped contract does`, async () => {
        const outFolder = path.join(world.folder, `town-${feed}`);
        await simulateTown({
            outFolder,
            seed: feed,
            homes: 4,
            from: '2013-03-29',
            to: '2013-04-03',
            marketZone: 'Europe/London',
            feed,
            delivery: 'bulk',
            compress: feed === 'lcl' ? 'gzip' : 'none',
            flaws: { missing: 0.02, estimated: 0.05 },
        });
        const files = readdirSync(path.join(outFolder, 'deliveries'), {
            recursive: true,
            withFileTypes: true,
        })
            .filter((entry) => entry.isFile())
            .map((entry) => path.join(entry.parentPath, entry.name));
        assert.ok(files.length > 0);
        for (const file of files) {
            const { bytes, draft, contract } = await draftOf(file);
            const [drafted, expected] = [await readBy(contract, bytes), await readBy(shipped(feed), bytes)];
            assert.ok(drafted.length > 0);
            assert.deepEqual(rowTexts(drafted), rowTexts(expected), draft.contract);
        }
    });
}

test('a draft from files of Low Carbon London reads them as its contract does', {
    skip: LCL_SKIP,
}, async () => {
    // every fifteenth home, and one with few rows
    const homes = lclHomes().filter((home, i) => i % 15 === 0 || home === 'MAC000016');
    for (const home of homes) {
        const file = path.join(LCL_FOLDER, 'readings', `${home}.csv.gz`);
        const { bytes, draft, contract } = await draftOf(file, 'Europe/London');
        const [drafted, expected] = [await readBy(contract, bytes), await readBy(shipped('lcl'), bytes)];
        assert.deepEqual(rowTexts(drafted), rowTexts(expected), draft.contract);
        // stamps go on through both changes of the clock, though the zone was named
        if (drafted.length > 17_000) assert.equal(settingOf(draft, 'clock'), 'utc');
    }
});

const DANISH = path.resolve(import.meta.dirname, '../../../shared/data/dk-settlement');
const DANISH_SKIP = existsSync(DANISH) ? false : 'the Danish settlement cases are not on this machine';

test('drafts from Danish time series read every row', { skip: DANISH_SKIP }, async () => {
    const files = readdirSync(DANISH, { recursive: true, withFileTypes: true })
        .filter(({ name }) => name === 'time_series_points.csv')
        .map((entry) => path.join(entry.parentPath, entry.name));
    assert.ok(files.length > 15);
    for (const file of files) {
        const { bytes, draft, contract } = await draftOf(file);
        const rows = await readBy(contract, bytes);
        const lines = bytes.toString().trim().split('\n').slice(1);
        assert.equal(rows.length, lines.length);
        assert.deepEqual(
            rows.filter((row) => row.faults !== '').map((row) => row.text),
            [],
            draft.contract,
        );
        assert.equal(contract.layout.delimiter, ';');
    }
});

/** A day of one meter, at `start` of each half-hour. */
function dayCsv(): string {
    const rows = Array.from({ length: 48 }, (_, i) => {
        const at = new Date(Date.UTC(2013, 4, 1) + i * 1_800_000).toISOString();
        return `M1;${at.slice(0, 16)};0.${String(100 + ((i * 37) % 48))}`;
    });
    return `meter;taken at;kWh\n${rows.join('\n')}\n`;
}

test('the command prints the contract alone, by which feed check reads the file', async () => {
    const folder = path.join(world.folder, 'with blank');
    mkdirSync(path.join(world.homeFolder, 'feeds'), { recursive: true });
    mkdirSync(folder);
    const file = path.join(folder, 'Day 2013.csv');
    writeFileSync(file, dayCsv());
    const drafted = await runCommand(undefined, 'feed', 'infer', file);
    assert.equal(drafted.code, 0, drafted.said);
    assert.equal(readContract(drafted.out, 'out').feed, 'day');
    assert.match(
        drafted.said,
        /^Day 2013\.csv: 48 rows read; \d+ guesses, of which \d+ unsure; 4 questions$/m,
    );
    assert.match(drafted.said, /^ {2}unsure: clock: utc; else a zone such as Europe\/London/m);
    assert.match(drafted.said, /^ {2}question: rank: which feed wins/m);
    assert.ok(drafted.said.includes(`  gridtally feed check '${file}' --feed day --home HOME`), drafted.said);
    const out = path.join(world.homeFolder, 'feeds', 'new-feed.odcs.yaml');
    const written = await runCommand(undefined, 'feed', 'infer', file, '--name', 'new-feed', '--out', out);
    assert.equal(written.out, `wrote ${out}\n`);
    const checked = await runCommand(world.homeFolder, 'feed', 'check', file, '--feed', 'new-feed');
    assert.equal(checked.code, 0, checked.out + checked.said);
    // the draft lets rows of meters that nobody registered wait, and none is registered here
    assert.match(checked.out, /48 rows, of which 0 would be accepted, 48 would wait$/m);
    assert.doesNotMatch(checked.out, /row\./, 'nothing is wrong with a row');
    const again = await runCommand(undefined, 'feed', 'infer', file, '--name', 'new-feed', '--out', out);
    assert.deepEqual([again.code, again.out], [2, '']);
    assert.match(again.said, /new-feed\.odcs\.yaml is there already/);
});

test('--json gives the contract, guesses and questions as one document', async () => {
    const file = path.join(world.folder, 'json.csv');
    writeFileSync(file, dayCsv());
    const { code, out } = await runCommand(
        undefined,
        'feed',
        'infer',
        file,
        '--zone',
        'Europe/London',
        '--json',
    );
    assert.equal(code, 0);
    const document = JSON.parse(out);
    assert.equal(readContract(document.contract, 'json').reading.intervalMinutes, 30);
    assert.deepEqual(
        document.guesses.find((guess: { field: string }) => guess.field === 'clock'),
        {
            field: 'clock',
            value: 'Europe/London',
            why: 'the zone that was named; no change of its clock is in the sample, so the stamps may have another clock',
            certainty: 'unsure',
            alternatives: ['utc', 'a fixed offset such as +01:00'],
        },
    );
    assert.deepEqual(
        document.questions.map(({ field }: { field: string }) => field),
        ['unknownMeter', 'flow', 'clock', 'rank'],
    );
});

test('what no contract can be drafted from is an error with its place, exit status 1', async () => {
    const file = path.join(world.folder, 'weather.csv');
    writeFileSync(file, 'station;day;temperature\nS1;1.5.2013;1.012,5\nS1;2.5.2013;1.013,5\n');
    const { code, out, said } = await runCommand(undefined, 'feed', 'infer', file, '--json');
    assert.equal(code, 1);
    const { error } = JSON.parse(out);
    assert.equal(error.code, 'feed.sample-unclear');
    assert.match(
        said,
        /has the columns "station", "day", "temperature"; in it no column is recognised as stamp, nor as value/,
    );
    assert.match(said, /weather\.csv temperature: "1\.012,5" cannot be read: numbers have one decimal mark/);
    assert.match(
        said,
        /weather\.csv day: "1\.5\.2013" is no stamp that a contract can describe: it has a date and no time/,
    );
    assert.equal((await runCommand(undefined, 'feed', 'infer', path.join(world.folder, 'none.csv'))).code, 2);
    assert.equal((await runCommand(undefined, 'feed', 'infer', world.folder)).code, 2);
    assert.equal((await runCommand(undefined, 'feed', 'infer', file, '--zone', 'Mars')).code, 2);
    assert.equal((await runCommand(undefined, 'feed', 'infer', file, '--name', 'Big Name')).code, 2);
});
