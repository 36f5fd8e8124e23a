// test limit: 400 s
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openWorkspace, type Workspace } from '../../src/cli/workspace.ts';
import { LAKE_TABLES } from '../../src/contracts/lake-tables.ts';
import { knownFeed } from '../../src/ingest/delivering-feeds.ts';
import { parsePending } from '../../src/ingest/parse-pending.ts';
import { distinctPaths, liveFiles } from '../../src/lake/catalogue.ts';
import { load } from '../../src/pipeline/chain.ts';
import { receive } from '../../src/raw/receive.ts';
import { initHome } from '../../src/store/home.ts';
import { makeScratchFolder, removeScratchFolder } from '../store/scratch-home.ts';

const METERS = `metering_point_id,meter_id,register,interval_minutes,valid_from
MP1,M1,1,15,2024-01-01
MP2,M2,1,15,2024-01-01
`;
const RIGHT = [
    'M1,2024-03-31T00:00:00Z,0.123456,A,7',
    'M1,2024-03-31T00:30:00Z,10,E,',
    'M2,2024-03-30T23:30:00Z,0.5,,8',
    'M2,2024-10-27T00:30:00Z,999.999,A,9',
];

/** Rows that only the spool can judge, each of which must send the whole payload there. */
const NOT_PLAIN: Readonly<Record<string, string>> = {
    'a padded value': 'M1,2024-04-01T00:00:00Z, 0.1,A,1',
    'an offset': 'M1,2024-04-01T01:00:00+01:00,0.1,A,1',
    'an unknown meter': 'M9,2024-04-01T00:00:00Z,0.1,A,1',
    'a stamp off the grid': 'M1,2024-04-01T00:10:00Z,0.1,A,1',
    'a withdrawal': 'M1,2024-04-01T00:00:00Z,,W,1',
    'a negative value': 'M1,2024-04-01T00:00:00Z,-0.1,A,1',
    'an unknown quality': 'M1,2024-04-01T00:00:00Z,0.1,Z,1',
    'a row cut short': 'M1,2024-04-01T00:00:00Z,0.1',
    'a stamp of 24:00': 'M1,2024-04-01T24:00:00Z,0.1,A,1',
    'a stamp of a year past all': 'M1,294247-01-10T00:00:00Z,0.1,A,1',
    'a stamp before all meters': 'M1,1999-12-31T00:00:00Z,0.1,A,1',
    'a carriage return within a line': 'M1,2024-04-01T00:00:00Z,0.1,A,1\rM2,2024-04-01T00:00:00Z,0.1,A,1',
    'a carriage return at the end': 'M1,2024-04-01T00:00:00Z,0.1,A,1\r',
    'one field too many': 'M1,2024-04-01T00:00:00Z,0.1,A,1,',
    'a separated number': 'M1,2024-04-01T00:00:00Z,1_0,A,1',
    'an exponent': 'M1,2024-04-01T00:00:00Z,1e1,A,1',
    'seven decimals': 'M1,2024-04-01T00:00:00Z,0.1234567,A,1',
    'a quote': '"M1",2024-04-01T00:00:00Z,0.1,A,1',
    'the same interval again': 'M1,2024-03-31T00:00:00Z,0.2,A,7',
};

const FEEDS = fileURLToPath(new URL('../../feeds/', import.meta.url));
const SPACED = ['M1,2024-04-02 00,1,A,1', 'M2,2024-04-02 01,2,E,1'];
const ANY = ['M1,2024-04-01T00:00:00Z,9999,A,1', 'M2,2024-04-01T00:15:00Z,-1,,2', ...RIGHT];

/** Settings of a contract that decide about rows, with rows that they decide about. */
const SETTINGS: readonly (readonly [string, Readonly<Record<string, string>>, readonly string[]])[] = [
    ['texts that mean no value', { nullTexts: "['-1', '9999']" }, ANY],
    ['texts that mean no value, and negatives', { nullTexts: "['-1']", allowsNegative: 'true' }, ANY],
    ['no decimals', { maxDecimals: '0' }, ['M1,2024-04-01T00:00:00Z,3,A,1', 'M2,2024-04-01T00:15:00Z,4,A,1']],
    ['no decimals, and some', { maxDecimals: '0' }, RIGHT],
    ['a stamp without minutes', { stampFormat: "'%Y-%m-%d %H'" }, SPACED],
    [
        'a stamp without minutes, of half-hours',
        { stampFormat: "'%Y-%m-%d %H'", intervalMinutes: '30' },
        SPACED,
    ],
    ['a small limit', { maxKwh: "'9'" }, ANY],
    ['repeats refused', { repeatedInPayload: 'refuse' }, [...RIGHT, RIGHT[0] ?? '']],
    ['no code for a blank', { qualityCodes: '{ A: measured, E: estimated }' }, RIGHT],
    ['codes that all mean nothing', { qualityCodes: '{ A: missing, E: withdrawn }' }, RIGHT],
    ['a stamp at the end', { stampMarks: 'end' }, RIGHT],
    ['watt-hours', { unit: 'Wh', maxDecimals: '3' }, RIGHT],
];

function withSetting(contract: string, [name, value]: [string, string]): string {
    const known = new RegExp(`(- property: ${name}\\n +value: ).*`);
    if (known.test(contract)) return contract.replace(known, (_, head) => head + value);
    return contract.replace(/( +)- property: format\n/, `$1- property: ${name}\n$1  value: ${value}\n$&`);
}

for (const marketZone of ['Europe/London', 'UTC']) {
    describe(`a plain payload read in place, in a market of ${marketZone}`, () => {
        let folder = '';
        let workspace: Workspace;

        before(async () => {
            folder = makeScratchFolder();
            await initHome(path.join(folder, 'home'), { marketZone });
            workspace = await openWorkspace(path.join(folder, 'home'));
            writeFileSync(path.join(folder, 'meters.csv'), METERS);
            await load(workspace, { kind: 'metering-points', file: path.join(folder, 'meters.csv') });
        });
        after(async () => {
            await workspace.close();
            await removeScratchFolder(folder);
        });

        async function deliver(
            name: string,
            lines: readonly string[],
            plainBytes: number,
            feedName = 'generic-csv',
        ) {
            const { db, raw, lake, home, clock } = workspace;
            const feed = await knownFeed(db, home.folder, feedName, clock);
            const rows = lines.map((line) => `${line}\n`).join('');
            const bytes = Buffer.from(`meter_id,read_at,value,quality,version\n${rows}`);
            const source = { feedId: feed.feedId, name: feedName, repeatWindowDays: 35 };
            let sequence = 0;
            for await (const receipt of receive(raw, source, [{ sourceKey: name, bytes }]))
                sequence = receipt.sequence;
            const { scratchFolder } = home;
            const totals = await parsePending({
                lake,
                rawFolder: raw.folder,
                scratchFolder,
                feeds: [feed],
                plainBytes,
            });
            return { totals, versions: await versionsOf(sequence) };
        }

        /** Outcome of a payload that is refused as a whole, whichever way it is read. */
        async function refusal(name: string, bytes: Buffer, plainBytes: number) {
            const { db, raw, lake, home, clock } = workspace;
            const feed = await knownFeed(db, home.folder, 'generic-csv', clock);
            const source = { feedId: feed.feedId, name: 'generic-csv', repeatWindowDays: 35 };
            for await (const _ of receive(raw, source, [{ sourceKey: name, bytes }]));
            const { scratchFolder } = home;
            const read = { lake, rawFolder: raw.folder, scratchFolder, feeds: [feed], plainBytes };
            const { refusals, versions } = await parsePending(read);
            return { versions, refusals: refusals.map((r) => ({ ...r, sourceKey: '' })) };
        }

        async function versionsOf(sequence: number): Promise<string[]> {
            const session = await workspace.lake.engine.openSession();
            try {
                const files = distinctPaths(await liveFiles(workspace.lake, 'reading_versions'));
                await session.registerFiles('versions', LAKE_TABLES.reading_versions, files);
                const rows = await session.rows(
                    `select * exclude (sequence, received_at, ordinal) from versions where sequence = ${sequence} order by all`,
                );
                return rows.map((row) => Object.values(row).join(' '));
            } finally {
                await session.close();
            }
        }

        it('gives the same rows as the spool', async () => {
            const inPlace = await deliver('in-place.csv', RIGHT, 1);
            const spooled = await deliver('spooled.csv', RIGHT, Number.MAX_SAFE_INTEGER);
            assert.equal(inPlace.versions.length, RIGHT.length);
            assert.deepEqual(inPlace.versions, spooled.versions);
            assert.deepEqual(inPlace.totals, spooled.totals);
        });

        for (const [what, line] of Object.entries(NOT_PLAIN)) {
            it(`goes through the spool for ${what}`, async () => {
                const inPlace = await deliver(`${what} 1.csv`, [...RIGHT, line], 1);
                const spooled = await deliver(`${what} 2.csv`, [...RIGHT, line], Number.MAX_SAFE_INTEGER);
                assert.equal(inPlace.totals.records, RIGHT.length + 1);
                assert.deepEqual(inPlace.totals, spooled.totals);
                assert.deepEqual(inPlace.versions, spooled.versions);
            });
        }

        it('skips lines of nothing and of blanks', async () => {
            const lines = ['', ...RIGHT, '', '   '];
            const inPlace = await deliver('blank 1.csv', lines, 1);
            const spooled = await deliver('blank 2.csv', lines, Number.MAX_SAFE_INTEGER);
            assert.equal(inPlace.totals.records, RIGHT.length);
            assert.deepEqual(inPlace, spooled);
        });

        for (const [i, [what, setting, lines]] of SETTINGS.entries()) {
            it(`reads what a contract with ${what} says`, async () => {
                const feedName = `setting-${i}`;
                const shipped = readFileSync(path.join(FEEDS, 'generic-csv.odcs.yaml'), 'utf8');
                const text = Object.entries(setting).reduce(withSetting, shipped);
                mkdirSync(path.join(folder, 'home', 'feeds'), { recursive: true });
                writeFileSync(
                    path.join(folder, 'home', 'feeds', `${feedName}.odcs.yaml`),
                    text.replaceAll('generic-csv', feedName),
                );
                const inPlace = await deliver('1.csv', lines, 1, feedName);
                const spooled = await deliver('2.csv', lines, Number.MAX_SAFE_INTEGER, feedName);
                assert.equal(inPlace.totals.records, lines.length);
                assert.deepEqual(inPlace, spooled);
            });
        }

        const REFUSED: Readonly<Record<string, Buffer>> = {
            'bytes that are no UTF-8': Buffer.from([0x4d, 0xff, 0xfe]),
            'a control character': Buffer.from('M1\0'),
            'a line that is too long': Buffer.alloc(2_000_000, 'M'),
        };
        for (const [what, meter] of Object.entries(REFUSED)) {
            it(`is refused as a whole for ${what}, far behind its beginning`, async () => {
                const right = Array.from({ length: 6000 }, (_, i) => {
                    const at = new Date(Date.UTC(2024, 1, 1) + i * 900_000).toISOString();
                    return `M1,${at.slice(0, 19)}Z,0.1,A,1\n`;
                });
                const bytes = Buffer.concat([
                    Buffer.from(`meter_id,read_at,value,quality,version\n${right.join('')}`),
                    meter,
                    Buffer.from(`,2024-04-01T00:00:00Z,0.1,A,1\n${right.join('')}`),
                ]);
                const inPlace = await refusal(`${what} 3.csv`, bytes, 1);
                assert.deepEqual(inPlace, await refusal(`${what} 4.csv`, bytes, Number.MAX_SAFE_INTEGER));
                assert.deepEqual([inPlace.versions, inPlace.refusals.length], [0, 1]);
            });
        }

        it('reads stamps that its ends do not announce', async () => {
            const far = ['M1,2024-03-31T00:00:00Z,1,A,1', 'M1,2024-07-01T00:15:00Z,2,A,1', RIGHT[0] ?? ''];
            const inPlace = await deliver('far 1.csv', far.slice(0, 2), 1);
            const spooled = await deliver('far 2.csv', far.slice(0, 2), Number.MAX_SAFE_INTEGER);
            assert.deepEqual(inPlace.versions, spooled.versions);
            assert.equal(inPlace.versions.length, 2);
        });
    });
}
