import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { openWorkspace, type Workspace } from '../../src/cli/workspace.ts';
import type { EngineRow, EngineSession } from '../../src/engine/engine.ts';
import { type FilePreview, previewFile } from '../../src/ingest/preview-file.ts';
import type { Clock } from '../../src/kernel/clock.ts';
import { instantText } from '../../src/kernel/period.ts';
import { useLake } from '../../src/lake/lake-use.ts';
import { shippedContracts } from '../../src/parsers/feed-catalogue.ts';
import { type IngestResult, ingest, type LoadOutcome, load } from '../../src/pipeline/chain.ts';
import { withPublishedViews } from '../../src/pipeline/published-views.ts';
import { listPayloads } from '../../src/raw/segment-reader.ts';
import type { MasterDataKind } from '../../src/registry/master-data-kind.ts';
import { HOME_FILE, initHome } from '../../src/store/home.ts';
import { SCENARIO_ENGINE } from '../engines/scenario-engine.ts';
import { databaseOfTest } from '../shared-database.ts';
import { makeScratchFolder, removeScratchFolder } from '../store/scratch-home.ts';

/** A home in a folder of its own, with everything real: Postgres, the engine, files. */
export interface ChainWorld {
    /** Room for the test's own files. */
    readonly folder: string;
    readonly homeFolder: string;
    readonly workspace: Workspace;
    /** Writes a contract into the home. */
    contract(feed: string, text: string): void;
    /** Ingests texts or bytes under the names given. */
    ingest(feed: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<IngestResult>;
    /** Loads a text as a file of that name. */
    load(kind: MasterDataKind, name: string, text: string): Promise<LoadOutcome>;
    /** Works in a session with one view for each published table. */
    withViews<T>(work: (session: EngineSession) => Promise<T>, asOf?: number): Promise<T>;
    query(sql: string, asOf?: number): Promise<EngineRow[]>;
    end(): Promise<void>;
}

export interface WorldOptions {
    readonly marketZone: string;
    readonly bucketSize?: number;
    readonly clock?: Clock;
    /** Address of a server for the bulk of the work, or the engine in the process; by itself what `SCENARIO_ENGINE` says. */
    readonly engine?: string | 'in process';
    /** Threads of the engine in the process: as many as a home has by itself, or one, as several test files run at once. */
    readonly threads?: 'all';
    /** Whether intervals without a value are estimated as a home does by itself; tests of what is missing want them missing. */
    readonly estimates?: true;
    /** Content of the file of load shapes that the home then has. */
    readonly loadShapes?: string;
}

export async function openChainWorld(options: WorldOptions): Promise<ChainWorld> {
    const folder = makeScratchFolder();
    const homeFolder = path.join(folder, 'home');
    const { marketZone, bucketSize, clock } = options;
    const engine = options.engine ?? process.env[SCENARIO_ENGINE];
    await initHome(homeFolder, {
        marketZone,
        currency: 'GBP',
        ...databaseOfTest(),
        ...(bucketSize ? { bucketSize } : {}),
        ...(engine && engine !== 'in process' ? { engine } : {}),
    });
    const settings = path.join(homeFolder, HOME_FILE);
    const threads = options.threads === 'all' ? '# threads: 2' : 'threads: 1';
    const shapes = options.loadShapes;
    if (shapes !== undefined) writeFileSync(path.join(homeFolder, 'load-shapes.yaml'), shapes);
    const shaped = shapes === undefined ? '' : 'estimation: { loadShape: { file: load-shapes.yaml } }\n';
    const estimation = options.estimates ? shaped : 'estimation: { methods: [] }\n';
    const text = readFileSync(settings, 'utf8').replace('# threads: 2', threads);
    writeFileSync(settings, `${text}${estimation}`);
    const workspace = await openWorkspace(homeFolder, clock);
    let fileCount = 0;
    const textFile = (name: string, content: string | Uint8Array): string => {
        fileCount += 1;
        const place = path.join(folder, 'given', String(fileCount), name);
        mkdirSync(path.dirname(place), { recursive: true });
        writeFileSync(place, content);
        return place;
    };
    const world: ChainWorld = {
        folder,
        homeFolder,
        workspace,
        contract: (feed, text) => {
            mkdirSync(path.join(homeFolder, 'feeds'), { recursive: true });
            writeFileSync(path.join(homeFolder, 'feeds', `${feed}.odcs.yaml`), text);
        },
        ingest: (feed, files) =>
            ingest(
                workspace,
                feed,
                Object.entries(files).map(([name, content]) => ({
                    sourceKey: name,
                    path: textFile(name, content),
                })),
            ),
        load: (kind, name, text) => load(workspace, { kind, file: textFile(name, text) }),
        withViews: (work, asOf) => withPublishedViews(workspace, viewOptions(asOf), work),
        query: (sql, asOf) =>
            withPublishedViews(workspace, { ...viewOptions(asOf), query: sql }, (session) =>
                session.rows(sql),
            ),
        end: async () => {
            await workspace.close();
            await removeScratchFolder(folder);
        },
    };
    return world;
}

function viewOptions(asOf: number | undefined): { showsIdentity: true; asOf?: number } {
    return { showsIdentity: true, ...(asOf === undefined ? {} : { asOf }) };
}

/** A clock that the test sets. */
export function handClock(at: string): Clock & { at: number } {
    const clock = { at: Date.parse(at), now: () => clock.at };
    return clock;
}

export function shippedContract(feed: string): string {
    return shippedContracts().get(feed)?.text ?? '';
}

/** A shipped contract under another name with other settings; a setting that the contract has not is added. */
export function variedContract(
    feed: string,
    name: string,
    settings: Readonly<Record<string, string>>,
): string {
    let text = shippedContract(feed)
        .replace(/^(id: gridtally-feed-|name: ).*$/gm, `$1${name}`)
        .trimEnd();
    for (const [property, value] of Object.entries(settings)) {
        const known = new RegExp(`(- property: ${property}\\n\\s+value: ).*`);
        text = known.test(text)
            ? text.replace(known, `$1${value}`)
            : `${text}\n      - property: ${property}\n        value: ${value}`;
    }
    return `${text}\n`;
}

/** A contract with one more column, which is not read. */
export function withIgnoredColumn(contract: string, name: string): string {
    const settings = '    customProperties:\n      - property: format';
    const column = `      - name: ${name}
        logicalType: string
        customProperties:
          - property: role
            value: ignored
`;
    return contract.replace(settings, column + settings);
}

/** Source key of every payload by its receipt sequence, as the raw segments say. */
export async function sourceKeys(workspace: Workspace): Promise<Map<number, string>> {
    const segments = await workspace.lake.db.query<{ path: string }>(
        'select path from segments order by segment_no',
    );
    const keys = new Map<number, string>();
    for (const segment of segments) {
        const { payloads } = await listPayloads(path.join(workspace.home.rawFolder, segment.path));
        for (const { header } of payloads) keys.set(header.sequence, header.sourceKey);
    }
    return keys;
}

/** What users see, by the identifiers of the outside world and without what tells how it arrived; sorted texts. */
export async function publishedContent(world: ChainWorld, asOf?: number): Promise<string[]> {
    return world.withViews(async (session) => {
        const lines: string[] = [];
        for (const [table, columns] of Object.entries(CONTENT)) {
            const list = columns.map((c) => `coalesce(cast(${c} as varchar), '-')`).join(` || ' ' || `);
            const rows = await session.rows(`select '${table} ' || ${list} as line from ${table}`);
            lines.push(...rows.map((row) => String(row.line)));
        }
        return lines.sort();
    }, asOf);
}

const COUNTS = [
    'kwh',
    'measured_kwh',
    'estimated_kwh',
    'expected_count',
    'measured_count',
    'estimated_count',
    'missing_count',
];
const CONTENT: Readonly<Record<string, readonly string[]>> = {
    reads_15min: [
        'meter_id',
        'register_id',
        'epoch_us(read_at)',
        'minutes',
        'kwh',
        'quality_flag',
        'market_day',
    ],
    reads_hourly: ['meter_id', 'register_id', 'epoch_us(hour)', 'market_day', ...COUNTS],
    reads_daily: [
        'meter_id',
        'register_id',
        'day',
        ...COUNTS,
        'row_count',
        'duplicate_count',
        'superseded_count',
        'withdrawn_count',
    ],
    reading_gaps: [
        'meter_id',
        'register_id',
        'market_day',
        'epoch_us(gap_from)',
        'epoch_us(gap_to)',
        'missing_count',
    ],
};

/** What a check says of a file before it is received; nothing of it is kept. */
export async function checkFile(world: ChainWorld, feed: string, text: string): Promise<FilePreview> {
    const { home, lake } = world.workspace;
    return useLake(lake, (inUse) =>
        previewFile({ home, lake: inUse }, feed, async function* () {
            yield Buffer.from(text);
        }),
    );
}

interface FlatTariff {
    readonly id?: string;
    readonly from?: string;
    readonly mode?: 'half-even' | 'half-up';
    readonly price?: string;
}

/** A file of tariffs with one price per kWh each: `flat` since 2013, at 0.10, unless told. */
export function flatTariffs(...tariffs: readonly FlatTariff[]): string {
    const texts = tariffs.map(
        ({ id = 'flat', from = '2013-01-01', mode = 'half-even', price = '0.10' }) => `  - tariff_id: ${id}
    name: ${id}
    versions:
      - valid_from: ${from}
        rounding: { mode: ${mode}, amount_digits: 2, scope: line }
        charges: [{ id: energy, kind: energy-flat, price_per_kwh: ${price} }]
`,
    );
    return `tariffs:\n${texts.join('')}`;
}

/** Lines of readings for the generic CSV feed. */
export function readingsCsv(rows: readonly ReadingRow[]): string {
    const lines = rows.map((r) =>
        [
            r.meter,
            '1',
            instantText(r.at),
            r.minutes ?? 30,
            r.kwh ?? '',
            'kWh',
            r.quality ?? 'A',
            r.version ?? '',
        ].join(','),
    );
    return `meter_id,register,read_at,minutes,value,unit,quality,version\n${lines.join('\n')}\n`;
}

export interface ReadingRow {
    readonly meter: string;
    readonly at: number;
    readonly kwh?: string;
    readonly minutes?: number;
    readonly quality?: 'A' | 'E' | 'N' | 'W';
    readonly version?: number;
}
