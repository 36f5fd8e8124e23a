import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import type { EstimationPolicy } from '../contracts/estimation-policy.ts';
import type { ValidationPolicy } from '../contracts/validation-rules.ts';
import { type CalendarDate, calendarDate, tryCalendarDate } from '../kernel/calendar-date.ts';
import { makeFolderDurably, removeFile, writeFileDurably } from '../kernel/durable.ts';
import { GridtallyError, type InputFault } from '../kernel/errors.ts';
import { parseYaml, type YamlDocument } from '../kernel/yaml-document.ts';
import { zoneOf } from '../kernel/zone.ts';
import { estimationSettings } from './estimation-settings.ts';
import { readLoadShapes } from './load-shape-file.ts';
import { policyOf, validationSettings } from './validation-settings.ts';

export const HOME_FILE = 'gridtally.yaml';

/** There while a home is being restored, and if that was cut off. */
const RESTORING_FILE = 'restoring.json';

const CURRENCIES: ReadonlySet<string> = new Set(Intl.supportedValuesOf('currency'));

const bucketSize = z
    .number()
    .int()
    .min(16)
    .max(1_048_576)
    .refine((n) => (n & (n - 1)) === 0, 'must be a power of two');
const schemaName = z.string().regex(/^[a-z_][a-z0-9_]{0,40}$/, 'must be a plain lower-case name');

const engine = z.strictObject({
    name: z.literal('duckdb').default('duckdb'),
    memory: z
        .string()
        .regex(/^\d+(MB|GB)$/, 'must be such as 2GB')
        .default('2GB'),
    threads: z.number().int().min(1).max(256).optional(),
    server: z
        .string()
        .regex(/^sc:\/\/\S+$/, 'must be the address of a Spark Connect server such as sc://host:15002')
        .optional(),
});

const howMany = (least: number) => z.number().int().min(least).max(100_000);

const retention = z.strictObject({
    replacedDays: howMany(0).default(7),
    backups: z
        .strictObject({
            newest: howMany(1),
            daily: howMany(0).default(0),
            weekly: howMany(0).default(0),
            monthly: howMany(0).default(0),
        })
        .optional(),
});

const homeFile = z.strictObject({
    id: z.uuid(),
    marketZone: z
        .string()
        .refine(isZone, 'must be a zone of the IANA database such as Europe/London')
        .default('UTC'),
    currency: z
        .string()
        .refine((code) => CURRENCIES.has(code), 'must be an ISO 4217 code such as GBP')
        .default('GBP'),
    bucketSize: bucketSize.default(16_384),
    // `engine: sc://…` alone is short for `engine: { server: sc://… }`
    engine: z.preprocess(
        (value) => (typeof value === 'string' ? { server: value } : value),
        engine.prefault({}),
    ),
    store: z
        .strictObject({
            lake: z.string().min(1).default('lake'),
            scratch: z.string().min(1).default('scratch'),
        })
        .prefault({}),
    database: z
        .strictObject({ url: z.string().min(1).optional(), schema: schemaName.default('gridtally') })
        .prefault({}),
    openTables: z.boolean().default(true),
    validation: validationSettings.prefault({}),
    estimation: estimationSettings.prefault({}),
    retention: retention.prefault({}),
    horizon: z
        .string()
        .refine((text) => tryCalendarDate(text) !== undefined, 'must be a date such as 2013-12-31')
        .optional(),
});

export interface HomeEngine {
    readonly memory: string;
    readonly threads: number;
    /** Address of a Spark Connect server, with its token, that does curation, rollups and billing sums; absent: this process does. */
    readonly server?: string;
}

/** Which snapshots stay in a folder of backups: the newest ones, and the last ones of so many days, weeks and months. */
export interface BackupRetention {
    readonly newest: number;
    readonly daily: number;
    readonly weekly: number;
    readonly monthly: number;
}

/** How long what the present content does not need is kept. */
export interface Retention {
    /** Days for which files of the lake stay that were replaced. */
    readonly replacedDays: number;
    /** Absent: every snapshot stays. */
    readonly backups?: BackupRetention;
}

/** A home as its file says, with every default filled in and paths made absolute. */
export interface Home {
    readonly id: string;
    readonly folder: string;
    readonly marketZone: string;
    readonly currency: string;
    readonly bucketSize: number;
    readonly engine: HomeEngine;
    readonly lakeFolder: string;
    readonly rawFolder: string;
    /** For files that nobody needs after their process. */
    readonly scratchFolder: string;
    readonly database: { readonly url?: string; readonly schema: string };
    readonly horizon?: CalendarDate;
    /** Whether other programs read the lake's tables (docs/open-tables.md). */
    readonly openTables: boolean;
    /** Which rules judge readings, how, and what is done about those that fail (docs/validation.md). */
    readonly validation: ValidationPolicy;
    /** How intervals that no feed gave a value for are estimated (docs/estimation.md). */
    readonly estimation: EstimationPolicy;
    /** In the folder of the home, with what of `estimation` is too long for its settings; absent: there is none. */
    readonly loadShapeFile?: string;
    readonly retention: Retention;
}

export interface HomeOptions {
    readonly marketZone?: string;
    readonly currency?: string;
    readonly bucketSize?: number;
    readonly databaseUrl?: string;
    readonly databaseSchema?: string;
    /** Address of a Spark Connect server. */
    readonly engine?: string;
}

/** Makes the folder and its `gridtally.yaml`. Throws `home.exists` where there is one, `home.config-invalid`. */
export async function initHome(folder: string, options: HomeOptions = {}): Promise<Home> {
    const file = path.join(folder, HOME_FILE);
    if (existsSync(file)) throw new GridtallyError('home.exists', `there is a home in ${folder} already`);
    if (existsSync(folder) && readdirSync(folder).length > 0) {
        throw new GridtallyError('home.exists', `${folder} is not empty`, {
            remedy: 'Name a new folder or an empty one.',
        });
    }
    const text = homeText(options);
    parseHome(text, folder);
    await makeFolderDurably(folder);
    await writeFileDurably(file, text, { mode: 0o600, replace: false }).catch((cause) => {
        if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
        throw new GridtallyError('home.exists', `there is a home in ${folder} already`);
    });
    return readHome(folder);
}

/** Which restore a home is being made by. */
export interface HalfRestored {
    /** The snapshot that is restored. */
    readonly snapshot: string;
    /** Tells what this restore has written from what others have. */
    readonly restoreId: string;
    /** Folder of the lake that it fills. */
    readonly lakeFolder: string;
}

/** Undefined: no restore has begun there, or it has ended. */
export function readHalfRestored(folder: string): HalfRestored | undefined {
    const file = path.join(folder, RESTORING_FILE);
    return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as HalfRestored) : undefined;
}

/** From now on the home cannot be used, until `markRestored`. */
export async function markHalfRestored(folder: string, restore: HalfRestored): Promise<void> {
    await writeFileDurably(path.join(folder, RESTORING_FILE), `${JSON.stringify(restore)}\n`);
}

export async function markRestored(folder: string): Promise<void> {
    await removeFile(path.join(folder, RESTORING_FILE));
}

/**
 * Throws `home.missing`, `home.config-invalid` with every fault and its line, or `home.half-restored` unless it is the restore that asks.
 */
export function readHome(folder: string, options: { readonly isRestoring?: boolean } = {}): Home {
    const file = path.join(folder, HOME_FILE);
    if (options.isRestoring !== true && readHalfRestored(folder) !== undefined)
        throw new GridtallyError(
            'home.half-restored',
            `the home in ${path.resolve(folder)} has been restored in part only`,
        );
    if (!existsSync(file))
        throw new GridtallyError('home.missing', `there is no home in ${path.resolve(folder)}`);
    const home = parseHome(readFileSync(file, 'utf8'), folder);
    // while a home is being restored its files come one by one
    if (home.loadShapeFile === undefined || options.isRestoring === true) return home;
    const loadShapes = readLoadShapes(home.folder, home.loadShapeFile);
    return { ...home, estimation: { ...home.estimation, loadShapes } };
}

/** A home as the text of its file says, without what other files of it say. Throws `home.config-invalid` with every fault and its line. */
export function parseHome(text: string, folder: string): Home {
    const document = parseYaml(text, HOME_FILE);
    const parsed = homeFile.safeParse(document.value ?? {});
    if (!parsed.success) {
        const faults = parsed.error.issues.flatMap((issue) => homeFaults(issue, document));
        const ordered = faults.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0));
        const file = path.join(path.resolve(folder), HOME_FILE);
        throw new GridtallyError('home.config-invalid', `${file} is not valid`, { faults: ordered });
    }
    const config = parsed.data;
    const root = path.resolve(folder);
    const { url, schema } = config.database;
    const { replacedDays, backups } = config.retention;
    const { loadShapeFile, ...estimation } = config.estimation;
    const { memory, threads = os.availableParallelism(), server } = config.engine;
    return {
        id: config.id,
        folder: root,
        marketZone: config.marketZone,
        currency: config.currency,
        bucketSize: config.bucketSize,
        engine: server === undefined ? { memory, threads } : { memory, threads, server },
        lakeFolder: path.resolve(root, config.store.lake),
        rawFolder: path.join(root, 'raw'),
        scratchFolder: path.resolve(root, config.store.scratch),
        openTables: config.openTables,
        validation: policyOf(config.validation),
        estimation: { ...estimation, loadShapes: {} },
        ...(loadShapeFile === undefined ? {} : { loadShapeFile }),
        retention: { replacedDays, ...(backups === undefined ? {} : { backups }) },
        database: url === undefined ? { schema } : { url, schema },
        ...(config.horizon === undefined ? {} : { horizon: calendarDate(config.horizon) }),
    };
}

/** One fault for each unknown key, at its own line; one for any other issue. */
function homeFaults(issue: z.core.$ZodIssue, document: YamlDocument): InputFault[] {
    const place = issue.path.map((step) => (typeof step === 'number' ? step : String(step)));
    const keys = issue.code === 'unrecognized_keys' ? issue.keys : undefined;
    const message = keys === undefined ? issue.message : 'there is no such setting';
    return (keys?.map((key) => [...place, key]) ?? [place]).map((at) => ({
        file: HOME_FILE,
        line: document.lineOf(at),
        field: at.join('.'),
        message,
    }));
}

function isZone(name: string): boolean {
    try {
        zoneOf(name);
        return true;
    } catch {
        return false;
    }
}

function homeText(options: HomeOptions): string {
    const quoted = (text: string) => (/^[A-Za-z][\w/]*$/.test(text) ? text : JSON.stringify(text));
    const url =
        options.databaseUrl === undefined
            ? '  # url: postgres://user:password@host:5432/name'
            : `  url: ${quoted(options.databaseUrl)}`;
    const server =
        options.engine === undefined
            ? '\n  # A Spark Connect server for curation, rollups and billing sums; it must see the lake under the same path.\n  # server: sc://host:15002/;token=...'
            : `\n  # Curation, rollups and billing sums run there; it must see the lake under the same path.\n  server: ${quoted(options.engine)}`;
    return `# A gridtally home. Names the market's clock and money, and where work and state live.
id: ${randomUUID()}

# IANA zone whose local days are the market days. Fixed once readings are in.
marketZone: ${quoted(options.marketZone ?? 'UTC')}

# ISO 4217 currency of tariffs and bills.
currency: ${quoted(options.currency ?? 'GBP')}

# Channels per bucket, a power of two: 16384 for a retailer, 131072 for a market. Fixed once readings are in.
bucketSize: ${options.bucketSize ?? 16_384}

engine:
  name: duckdb${server}
  # What one session of the engine may hold in memory before it spills to disk; a refresh runs two or more at once.
  memory: 2GB
  # Threads of the engine; all cores where this is not set.
  # threads: 2

store:
  # Folder of the lake's files, from here or absolute.
  lake: lake
  # Folder for what the engine spills; where several machines share this home, one that each of them has on its own disk.
  scratch: scratch

database:
  # Another PostgreSQL 15 or newer; without it gridtally runs its own in this folder.
${url}
  # Postgres schema that holds this home.
  schema: ${quoted(options.databaseSchema ?? 'gridtally')}

# Logs beside the lake's tables, by which other programs read them as Delta Lake; false takes them away.
openTables: true

# Rules that judge readings (docs/validation.md lists them with their defaults); classes of metering points may have their own.
# validation:
#   rules:
#     vee.spike: { severity: mark, percent: 180 }
#   classes:
#     industrial: { vee.zero: off, vee.maximum: { ratedKw: 500, severity: hold } }

# How intervals without a value are estimated (docs/estimation.md): these methods in this order, none with [].
# estimation:
#   methods: [register-scaled, linear, like-day, load-shape, flat]
#   linear: { upToMinutes: 120 }
#   likeDay: { by: kind, days: 3, among: 5, lookBackDays: 28 }
#   loadShape: { file: load-shapes.yaml, annualConsumptionAttribute: annual_consumption }
#   holidaySet: england

retention:
  # Days for which files of the lake stay that were replaced, for those who read it by the logs.
  replacedDays: 7
  # Which snapshots \`gridtally backup\` leaves in its folder; without it all of them.
  # backups: { newest: 7, daily: 30, weekly: 8, monthly: 12 }

# Last market day that is expected to have readings; without it the newest one in the lake.
# horizon: 2013-12-31
`;
}
