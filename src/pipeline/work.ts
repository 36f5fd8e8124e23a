import { setTimeout as sleep } from 'node:timers/promises';
import { type ParseTotals, parsePending } from '../ingest/parse-pending.ts';
import { type ErrorCode, GridtallyError } from '../kernel/errors.ts';
import { registrationVersion } from '../lake/dimension-snapshot.ts';
import type { RefreshProgress, RefreshResult } from '../lake/refresh.ts';
import { newestSegmentNo, queueState } from '../raw/segment-queue.ts';
import { loadsVersion } from '../registry/dimension-queries.ts';
import { MASTER_DATA_KINDS } from '../registry/master-data-kind.ts';
import { type Chain, feedsOf, precedenceOf, refreshAll } from './chain.ts';

export interface WorkOptions {
    /** Waits for more once all is done, until it is stopped. */
    readonly isFollowing?: boolean;
    /** Once aborted, the step under way is the last one. */
    readonly stop?: AbortSignal;
    /** How long to wait between two looks while there is nothing to do. */
    readonly pollMs?: number;
    readonly onProgress?: (progress: WorkProgress) => void;
    /** After each round that did something. */
    readonly onRound?: (round: WorkCounts) => void;
    /** A failure that passes by itself, while following: the work is taken up again. */
    readonly onSetback?: (error: GridtallyError) => void;
}

export type WorkProgress =
    | { readonly stage: 'parse'; readonly done: number }
    | ({ readonly stage: 'refresh' } & RefreshProgress);

/** What this process did itself. */
export type WorkCounts = Omit<ParseTotals, 'refusals' | 'flags' | 'quarantinedByRule'> & RefreshResult;

export interface WorkResult extends WorkCounts {
    readonly ended: 'idle' | 'stopped';
}

const POLL_MS = 2000;
/** While others hold what is left: soon enough to take over from one that dies. */
const CLAIMED_POLL_MS = 100;

/** Nothing was published half, and what was done is found done: only the connection, or what hung on it, was lost. */
const PASSING: ReadonlySet<ErrorCode> = new Set([
    'database.unreachable',
    'database.full',
    'database.commit-unknown',
    'lake.files-gone',
    'lake.overtaken',
    'engine.files-missing',
    'engine.lost',
    'engine.unreachable',
]);

/**
 * Takes payloads and then partitions from the queue, as one of any number of processes on any number of machines, until nothing is left that
 * was there when it began to look: what others have taken is waited for, so that it is taken over where they die.
 */
export async function work(chain: Chain, options: WorkOptions = {}): Promise<WorkResult> {
    const { stop = new AbortController().signal, isFollowing = false, pollMs = POLL_MS } = options;
    const stoppable = { ...chain, lake: { ...chain.lake, stop } };
    const total = noWork();
    let seen: string | undefined;
    while (!stop.aborted) {
        const found = await attempt(options, () => homeState(stoppable));
        const round =
            found !== undefined && found === seen
                ? noWork()
                : await attempt(options, () => workRound(stoppable, options));
        if (round !== undefined) {
            add(total, round);
            if (hasDone(round)) options.onRound?.(round);
            else {
                if (!isFollowing) return { ...total, ended: stop.aborted ? 'stopped' : 'idle' };
                seen = found;
            }
        }
        if (round === undefined || !hasDone(round)) await pause(pollMs, stop);
    }
    return { ...total, ended: 'stopped' };
}

/** Undefined: it failed in a way that passes, and was told. */
async function attempt<T>(options: WorkOptions, step: () => Promise<T>): Promise<T | undefined> {
    try {
        return await step();
    } catch (error) {
        const passes = options.isFollowing && error instanceof GridtallyError && PASSING.has(error.code);
        if (!passes) throw error;
        options.onSetback?.(error);
        return undefined;
    }
}

/** Changes with whatever may leave something to do; a look costs little, while a plan reads the state of every partition. */
async function homeState(chain: Chain): Promise<string> {
    const { db } = chain.lake;
    const feeds = await feedsOf(chain);
    const [commits] = await db.query<{ newest: number | null }>(
        'select max(commit_no) as newest from commits',
    );
    return JSON.stringify([
        commits?.newest,
        await newestSegmentNo(db),
        await registrationVersion(db),
        await loadsVersion(db, MASTER_DATA_KINDS),
        precedenceOf(feeds),
        // a mended contract frees what waited for it
        feeds.map(({ contractNo, refusal }) => [contractNo, refusal?.message]),
    ]);
}

async function workRound(chain: Chain, options: WorkOptions): Promise<WorkCounts> {
    const round = noWork();
    await parseShare(chain, options, round);
    if (chain.lake.stop?.aborted) return round;
    const refreshed = await refreshAll(chain, (progress) =>
        options.onProgress?.({ stage: 'refresh', ...progress }),
    );
    add(round, refreshed);
    return round;
}

/** Parses what was there when it began, together with others; what comes meanwhile does not keep it from refreshing. */
async function parseShare(chain: Chain, options: WorkOptions, round: WorkCounts): Promise<void> {
    const lastSegmentNo = await newestSegmentNo(chain.lake.db);
    const stop = chain.lake.stop;
    while (!stop?.aborted) {
        const feeds = await feedsOf(chain);
        const readable = feeds.filter((f) => f.refusal === undefined).map((f) => f.feedId);
        const state = await queueState(chain.lake.db, lastSegmentNo, readable);
        if (state === 'empty') return;
        if (state === 'claimed') {
            await pause(CLAIMED_POLL_MS, stop);
            continue;
        }
        const ingest = {
            lake: chain.lake,
            rawFolder: chain.raw.folder,
            scratchFolder: chain.home.scratchFolder,
            feeds,
            lastSegmentNo,
        };
        const parsed = await parsePending(ingest, ({ payloads }) =>
            options.onProgress?.({ stage: 'parse', done: round.payloads + payloads }),
        );
        add(round, parsed);
    }
}

function noWork(): WorkCounts {
    const parsed = {
        segments: 0,
        payloads: 0,
        refused: 0,
        records: 0,
        versions: 0,
        waiting: 0,
        quarantined: 0,
    };
    const refreshed = { rebuilt: 0, merged: 0, removed: 0, changedChannelDays: 0, marked: 0, lostRaces: 0 };
    return { ...parsed, rounded: 0, unused: 0, ...refreshed };
}

function add(total: WorkCounts, more: Partial<WorkCounts>): void {
    const sums = total as Record<keyof WorkCounts, number>;
    for (const name of Object.keys(sums) as (keyof WorkCounts)[]) sums[name] += more[name] ?? 0;
}

/** Whether anything was there to do, be it that another process did it. */
function hasDone(round: WorkCounts): boolean {
    return Object.values(round).some((n) => n > 0);
}

async function pause(ms: number, stop: AbortSignal | undefined): Promise<void> {
    await sleep(ms, undefined, stop === undefined ? {} : { signal: stop }).catch(() => {});
}
