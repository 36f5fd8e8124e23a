import { addDays, type CalendarDate, calendarDate } from '../../src/kernel/calendar-date.ts';
import type { CrashStage } from '../../src/kernel/faults.ts';
import { EVERY_FLAW } from '../../src/simulate/flaws.ts';
import { type RandomStream, randomStream } from '../../src/simulate/random-stream.ts';
import type { TownOptions } from '../../src/simulate/town-options.ts';
import type { PlainMethod } from '../chain/naive-estimates.ts';
import type { Point, ProcessFaults } from './chaos-process.ts';

export const ZONE = 'Europe/London';
export const FEED = 'town';

export const COMMANDS = [
    'ingest',
    'ingest --refresh',
    'refresh',
    'work',
    'bill',
    'compact',
    'sweep',
    'edit',
    'backup',
] as const;
export type CommandKind = (typeof COMMANDS)[number];

export interface PlannedCommand {
    readonly kind: CommandKind;
    /** Deliveries that it is given, of those that nobody has acknowledged. */
    readonly takes: number;
    /** Deliveries that have been acknowledged and are sent again. */
    readonly resends: number;
    readonly faults: ProcessFaults;
}

/** Commands that run at the same time. */
export interface ChaosRound {
    /** What is registered late is loaded meanwhile. */
    readonly loadsLate: boolean;
    readonly commands: readonly PlannedCommand[];
}

/** All that is drawn for a seed, before anything runs. */
export interface ChaosPlan {
    readonly seed: string;
    readonly town: Omit<TownOptions, 'outFolder'>;
    readonly lastDay: CalendarDate;
    readonly months: readonly string[];
    /** By which gaps are estimated, in their order; none: they stay. */
    readonly methods: readonly PlainMethod[];
    readonly rounds: readonly ChaosRound[];
    /** So many deliveries come when all others are published. */
    readonly latecomers: number;
    /** Draws which deliveries come when. */
    readonly order: RandomStream;
    /** Whether the lake is made anew from the raw bytes in the end and compared. */
    readonly rebuilds: boolean;
    /** Whether a home is made from a backup in the end and compared. */
    readonly restores: boolean;
}

/** Days of 23, 25 and 24 hours, the end of a month, and days enough that many estimates look at days which others of their kind were made from before. */
const TIMES = [
    { start: '2013-03-28', days: 4 },
    { start: '2013-10-24', days: 4 },
    { start: '2013-05-14', days: 3 },
    { start: '2013-07-31', days: 2 },
    { start: '2013-06-03', days: 12 },
] as const;

const LONG_DAYS = 7;

export function planSeed(seed: string): ChaosPlan {
    const random = randomStream(seed, 'chaos');
    const { start, days } = random.pick<(typeof TIMES)[number]>(TIMES);
    const from = calendarDate(start);
    const to = addDays(from, days);
    const lastDay = addDays(to, -1);
    // most gaps are short: where a line is tried first, hardly any estimate depends on another day
    const isLong = days > LONG_DAYS;
    const methods: readonly PlainMethod[] = isLong
        ? ['like-day', 'linear']
        : random.pick<readonly PlainMethod[]>([[], ['linear', 'like-day'], ['like-day', 'linear']]);
    const estimates = methods.length > 0;
    const town = {
        seed,
        homes: random.between(2, 3),
        from,
        to,
        marketZone: ZONE,
        feed: random.pick(['generic-csv', 'generic-ndjson'] as const),
        feedName: FEED,
        delivery: isLong ? 'per-day' : random.pick(['per-day', 'per-day', 'per-hour'] as const),
        compress: random.pick(['none', 'gzip', 'zstd'] as const),
        // the second computation of estimates knows half-hours, and meters that stay
        minutes: estimates ? 30 : random.pick<30 | 'mixed'>([30, 'mixed']),
        unknownMeters: 'wait',
        flaws: {
            ...EVERY_FLAW,
            missing: 0.05,
            late: 0.15,
            'not-registered': 0.3,
            exchanged: estimates ? 0 : 0.4,
            moved: 0.3,
        },
    } as const;
    const rounds = planRounds(random, isLong ? 5 : 1);
    const beside = randomStream(seed, 'beside');
    return {
        seed,
        town,
        lastDay,
        months: [...new Set([from, lastDay].map((day) => day.slice(0, 7)))],
        methods,
        rounds: rounds.map((round) => withOthers(round, beside)),
        latecomers: isLong ? random.between(2, 4) : 0,
        order: randomStream(seed, 'order'),
        rebuilds: random.chance(0.3),
        restores: beside.chance(0.2),
    };
}

/** Somebody enters a value meanwhile, or the home is backed up. Neither waits for one that is paused: that could be for good. */
function withOthers(round: ChaosRound, random: RandomStream): ChaosRound {
    const isPausing = round.commands.some(({ faults }) => faults.pause !== undefined);
    if (isPausing || random.chance(0.5)) return round;
    const kind = random.pick(['edit', 'edit', 'backup'] as const);
    const other = { kind, takes: 0, resends: 0, faults: faultsOf(kind, random) };
    return { ...round, commands: [...round.commands, other] };
}

/** @param share how many times as many deliveries are taken at once as in a town of a few days */
function planRounds(random: RandomStream, share: number): ChaosRound[] {
    const count = random.between(3, 4);
    const late = random.between(0, count);
    return Array.from({ length: count }, (_, i) => ({
        loadsLate: i === late,
        commands: planCommands(random, share),
    }));
}

function planCommands(random: RandomStream, share: number): PlannedCommand[] {
    const count = random.pick([1, 1, 2, 2]);
    const isPausing = count > 1 && random.chance(0.6);
    const kinds = Array.from({ length: count }, (_, i) => kindOf(random, i, isPausing));
    return kinds.map((kind, i) => {
        const isIngest = kind.startsWith('ingest');
        return {
            kind,
            takes: isIngest ? share * random.between(1, 6) : 0,
            resends: isIngest && random.chance(0.3) ? random.between(2, 4) : 0,
            faults: isPausing && i === 0 ? pausing(kind, random) : faultsOf(kind, random),
        };
    });
}

/** What waits for others to end would wait for a paused one: that is left to rounds without. */
function kindOf(random: RandomStream, place: number, isPausing: boolean): CommandKind {
    if (isPausing && place === 0)
        return random.pick(['ingest', 'ingest --refresh', 'ingest --refresh', 'ingest --refresh', 'refresh']);
    if (isPausing) return random.pick(['ingest', 'ingest --refresh', 'ingest --refresh', 'refresh', 'bill']);
    return random.pick([
        ...(['ingest', 'ingest', 'ingest', 'ingest --refresh', 'ingest --refresh', 'refresh'] as const),
        ...(['work', 'bill', 'compact', 'sweep'] as const),
    ]);
}

const PAUSES = {
    ingest: ['receive', 'parse', 'append'],
    refresh: ['curate', 'roll-up'],
} as const satisfies Record<string, readonly CrashStage[]>;

function pausing(kind: CommandKind, random: RandomStream): ProcessFaults {
    const isRefreshing = kind === 'refresh' || (kind.endsWith('refresh') && random.chance(0.7));
    const stage = random.pick<CrashStage>(isRefreshing ? PAUSES.refresh : PAUSES.ingest);
    return {
        pause: { stage, pass: 1 },
        // a server that is gone has forgotten what the paused one claimed: others do its work, too
        killsServer: random.chance(isRefreshing ? 0.8 : 0.5),
        ...clock(random),
        ...(random.chance(0.3) ? crashing(kind, random) : {}),
    };
}

function faultsOf(kind: CommandKind, random: RandomStream): ProcessFaults {
    const drawn = random.unit();
    if (drawn < 0.5) return { ...clock(random), ...crashing(kind, random) };
    if (drawn < 0.62) return { ...clock(random), diskBytes: random.between(0, 20_000) };
    if (drawn < 0.7) return { ...clock(random), fileKilobytes: random.between(0, 6) };
    return clock(random);
}

/** Up to ten days off, either way: within the weeks for which repeats are known. */
function clock(random: RandomStream): ProcessFaults {
    return random.chance(0.3) ? { clockMs: random.between(-864_000, 864_000) * 1000 } : {};
}

function crashing(kind: CommandKind, random: RandomStream): ProcessFaults {
    return { crash: crashPointOf(kind, random), forget: random.pick(['', '1', '1', 'torn']) };
}

/** Stages with as many passes as a command of the kind may have in a small town. */
const PASSES: Readonly<Record<string, readonly (readonly [CrashStage, number])[]>> = {
    ingest: [
        ['receive', 3],
        ['parse', 2],
        ['append', 2],
        ['file', 20],
        ['transaction', 16],
    ],
    refresh: [
        ['curate', 1],
        ['roll-up', 1],
        ['commit', 2],
        ['committed', 1],
        ['committed', 2],
        ['publish', 8],
        ['file', 30],
        ['transaction', 24],
    ],
    bill: [
        ['draft', 2],
        ['publish', 4],
        ['transaction', 10],
    ],
    edit: [
        ['receive', 1],
        ['append', 1],
        ['file', 6],
        ['transaction', 12],
    ],
    other: [
        ['file', 10],
        ['transaction', 10],
    ],
};

function crashPointOf(kind: CommandKind, random: RandomStream): Point {
    const isRefreshing = kind.endsWith('refresh') || kind === 'work';
    const isBoth = kind.startsWith('ingest') && isRefreshing;
    const name = isBoth ? random.pick(['ingest', 'refresh']) : isRefreshing ? 'refresh' : kind;
    const stages = PASSES[name] ?? PASSES.other ?? [];
    const [stage, most] = stages[random.between(0, stages.length - 1)] ?? ['transaction', 1];
    return { stage, pass: random.between(1, most) };
}
