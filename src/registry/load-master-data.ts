import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../kernel/clock.ts';
import { counted } from '../kernel/counted.ts';
import { GridtallyError, type InputFault } from '../kernel/errors.ts';
import { sha256Hex } from '../kernel/hash.ts';
import type { Database, Transaction } from '../store/database.ts';
import { accountsLoader } from './accounts.ts';
import { agreementsLoader } from './agreements.ts';
import { attributesLoader } from './attributes.ts';
import { applyBelief, type BeliefCounts, planBelief } from './believed-table.ts';
import { calendarsLoader } from './calendars.ts';
import { customersLoader } from './customers.ts';
import { holidaysLoader } from './holidays.ts';
import { enterLoad, lockMasterData, nextKnownAt } from './known-time.ts';
import {
    type ChannelsOfLoad,
    type KindLoader,
    type LoadSettings,
    type LoadSource,
    type LoadWork,
    MASTER_DATA_KINDS,
    type MasterDataKind,
    type StagedRows,
} from './master-data-kind.ts';
import { meteringPointsLoader } from './metering-points.ts';
import { priceSeriesLoader } from './price-series.ts';
import { tariffsLoader } from './tariffs.ts';

export interface LoadOptions extends LoadSettings {
    readonly kind: MasterDataKind;
    /** Path of a `.csv`, `.yaml` or `.yml` file in UTF-8. */
    readonly file: string;
    readonly clock: Clock;
}

export interface LoadResult extends BeliefCounts, ChannelsOfLoad {
    readonly kind: MasterDataKind;
    readonly file: string;
    /** Rows of the file: `added + changed + unchanged`. */
    readonly rows: number;
    /** When the home began to believe what is new; `null` where nothing is. UTC epoch milliseconds. */
    readonly knownAt: number | null;
}

const LOADERS: Readonly<Record<MasterDataKind, KindLoader>> = {
    customers: customersLoader,
    accounts: accountsLoader,
    'metering-points': meteringPointsLoader,
    agreements: agreementsLoader,
    attributes: attributesLoader,
    holidays: holidaysLoader,
    calendars: calendarsLoader,
    tariffs: tariffsLoader,
    'price-series': priceSeriesLoader,
};
const YAML_ONLY: readonly MasterDataKind[] = ['calendars', 'tariffs'];
// one load at a time sorts and joins the rows of a file in memory
const WORK_MEMORY = '64MB';
const EXCLUSION_VIOLATION = '23P01';

/**
 * Loads one file of master data as a whole, see `docs/master-data.md`: either all of it is believed from now on, or nothing has changed.
 * The same file again changes nothing.
 * @throws GridtallyError `registry.load-refused` with every fault of the file, `yaml.invalid`, `usage.invalid`
 */
export async function loadMasterData(db: Database, options: LoadOptions): Promise<LoadResult> {
    const loader = LOADERS[options.kind];
    const faults: InputFault[] = [];
    const source = await readSource(options, faults);
    const staged = source === undefined ? { columns: [], rows: [] } : loader.read(source, options, faults);
    // Without columns there is nothing to check against the database.
    if (source === undefined || staged.columns.length === 0) throw refusal(options.file, faults);
    const contentSha256 = sha256Hex(source.text);
    return db.transaction(async (tx) => {
        await lockMasterData(tx);
        await tx.query(`set local work_mem = '${WORK_MEMORY}'`);
        const knownAt = await nextKnownAt(tx, options.clock);
        const file = source.file;
        const { leftOut } = source;
        const common = { tx, file, settings: options, leftOut };
        const work: LoadWork = { ...common, knownAt: knownAt.text, faults: [...faults] };
        await stage(tx, staged);
        await loader.resolve(work);
        const counts = await planBelief(tx, loader.believed);
        await believe(work, loader);
        const channels = await loader.finish?.(work);
        const hasNews = counts.added + counts.changed > 0;
        if (hasNews) {
            const changed = counts.added + counts.changed;
            await enterLoad(tx, {
                kind: options.kind,
                sourceName: path.basename(file),
                contentSha256,
                knownAt,
                rows: staged.rows.length,
                changed,
            });
        }
        return {
            kind: options.kind,
            file,
            rows: staged.rows.length,
            ...counts,
            registeredChannels: channels?.registeredChannels ?? [],
            takenOverChannels: channels?.takenOverChannels ?? [],
            knownAt: hasNews ? knownAt.at : null,
        };
    });
}

/** The kind of that name. Throws `usage.invalid`. */
export function masterDataKind(name: string): MasterDataKind {
    const kind = MASTER_DATA_KINDS.find((known) => known === name);
    if (kind !== undefined) return kind;
    throw new GridtallyError('usage.invalid', `there is no kind of master data ${JSON.stringify(name)}`, {
        remedy: `Name one of ${MASTER_DATA_KINDS.join(', ')}.`,
    });
}

async function readSource(options: LoadOptions, faults: InputFault[]): Promise<LoadSource | undefined> {
    const { file, kind } = options;
    const bytes = await readFile(file).catch((cause: NodeJS.ErrnoException) => {
        const why = { ENOENT: 'does not exist', EISDIR: 'is a folder; name a file' }[cause.code ?? ''];
        throw new GridtallyError('usage.invalid', `${file} ${why ?? 'cannot be read'}`, { cause });
    });
    const extension = path.extname(file).toLowerCase();
    const isYaml = extension === '.yaml' || extension === '.yml';
    if (!isYaml && extension !== '.csv') {
        throw new GridtallyError('usage.invalid', `${file} is neither .csv nor .yaml by its name`);
    }
    if (!isYaml && YAML_ONLY.includes(kind)) {
        throw new GridtallyError('usage.invalid', `${kind} are loaded from YAML, not from ${file}`);
    }
    try {
        const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
        if (!text.includes('\0')) return { file, text, isYaml, leftOut: [] };
        faults.push({ file, message: 'the file is not text: it holds a zero byte' });
    } catch {
        faults.push({ file, message: 'the file is not UTF-8' });
    }
    return undefined;
}

async function stage(tx: Transaction, { columns, rows }: StagedRows): Promise<void> {
    await tx.query(
        `create temp table incoming (row_no integer, line integer, ${columns.join(', ')}) on commit drop`,
    );
    const names = columns.map((column) => column.split(' ')[0] ?? column);
    await tx.copyIn('incoming', ['row_no', 'line', ...names], numbered(rows));
    await tx.query('analyze incoming');
}

function* numbered(rows: StagedRows['rows']): Generator<readonly (string | number | boolean | null)[]> {
    let rowNo = 0;
    for (const row of rows) yield [rowNo++, ...row];
}

/** Changes the belief, or refuses the file; the database's constraints decide whether rows overlap. */
async function believe(work: LoadWork, loader: KindLoader): Promise<void> {
    const { tx, faults, file } = work;
    if (faults.length > 0) {
        for (const overlap of (await loader.findOverlaps?.(work)) ?? []) faults.push(overlap);
        throw refusal(file, faults);
    }
    await tx.query('savepoint before_belief');
    try {
        await applyBelief(tx, loader.believed, work.knownAt);
    } catch (error) {
        if ((error as { code?: unknown }).code !== EXCLUSION_VIOLATION || !loader.findOverlaps) throw error;
        await tx.query('rollback to savepoint before_belief');
        const overlaps = await loader.findOverlaps(work);
        if (overlaps.length === 0) throw error;
        throw refusal(file, overlaps, error);
    }
}

function refusal(file: string, faults: readonly InputFault[], cause?: unknown): GridtallyError {
    const ordered = [...faults].sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
    return new GridtallyError(
        'registry.load-refused',
        `${file} has ${counted(faults.length, 'fault')}; nothing of it was loaded.`,
        {
            faults: ordered,
            ...(cause === undefined ? {} : { cause }),
        },
    );
}
