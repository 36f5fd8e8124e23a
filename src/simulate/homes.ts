import { DAY_MS } from '../kernel/calendar-date.ts';
import { HOME_KINDS, type HomeKind } from './home-kinds.ts';
import { randomStream } from './random-stream.ts';
import type { TownDay } from './town-calendar.ts';
import type { Minutes, TownPlan } from './town-options.ts';

export const REGIONS = ['north', 'east', 'south', 'west'] as const;
export type Region = (typeof REGIONS)[number];

/** One register of one meter installation. Valid in `[validFrom, validTo)`, UTC epoch milliseconds. */
export interface TownChannel {
    readonly home: TownHome;
    readonly meterId: string;
    readonly register: string;
    readonly flow: 'to_customer' | 'from_customer';
    readonly validFrom: number;
    readonly validTo: number;
    /** Whether nothing follows, so that master data leave the end open. */
    readonly isLast: boolean;
    /** The final truth of each interval from `validFrom` on: Wh, and an index of `QUALITIES`. */
    readonly wh: Int32Array;
    readonly quality: Uint8Array;
}

export const QUALITIES = ['good', 'estimated', 'missing'] as const;
export const GOOD = 0;
export const ESTIMATED = 1;
export const MISSING = 2;

export interface TownHome {
    readonly index: number;
    readonly kind: HomeKind;
    readonly minutes: Minutes;
    readonly meteringPointId: string;
    readonly region: Region;
    readonly tariffId: string;
    /** Its first account is that of the home before it. */
    readonly sharesAccount: boolean;
    /** Master data know it only after all deliveries. */
    readonly isLate: boolean;
    /** The local day on which it changes hands. */
    readonly movedOn: TownDay | undefined;
    /** When its second meter takes over. */
    readonly exchangedAt: number | undefined;
    readonly channels: readonly TownChannel[];
}

export const TARIFFS = { flat: 'flat-2', timeOfUse: 'evening-saver' } as const;

/** Every so many homes one belongs to the account of the home before it. */
const SHARED_ACCOUNT_STEP = 20;

/** The homes of the town with their channels, in order of index. */
export function townHomes(plan: TownPlan, days: readonly TownDay[]): TownHome[] {
    const homes: TownHome[] = [];
    for (let index = 0; index < plan.homes; index += 1) homes.push(townHome(plan, days, index, homes.at(-1)));
    return homes;
}

function townHome(
    plan: TownPlan,
    days: readonly TownDay[],
    index: number,
    before: TownHome | undefined,
): TownHome {
    const random = randomStream(plan.seed, 'home', index);
    const { rates } = plan;
    const kind = kindAt(random.between(0, 99));
    const minutes = plan.minutes === 'mixed' ? random.pick<Minutes>([5, 15, 30, 60]) : plan.minutes;
    const region = random.pick(REGIONS);
    const tariffId = random.chance(0.4) ? TARIFFS.timeOfUse : TARIFFS.flat;
    const middleDay = (): TownDay | undefined => {
        const day = days[random.between(Math.floor(days.length * 0.25), Math.floor(days.length * 0.75))];
        return day !== undefined && day.index > 0 ? day : undefined;
    };
    const isExchanged = random.chance(rates.exchanged);
    const exchangeDay = middleDay();
    const isMoved = random.chance(rates.moved);
    const moveDay = middleDay();
    const isLate = random.chance(rates['not-registered']);
    const channels: TownChannel[] = [];
    const home: TownHome = {
        index,
        kind,
        minutes,
        meteringPointId: `MP${String(index + 1).padStart(7, '0')}`,
        region,
        tariffId,
        // A late home's account is loaded with it, too late for another home.
        sharesAccount:
            index % SHARED_ACCOUNT_STEP === SHARED_ACCOUNT_STEP - 1 && !isLate && before?.isLate === false,
        isLate,
        movedOn: isMoved && !isLate ? moveDay : undefined,
        exchangedAt: isExchanged && !isLate && exchangeDay ? exchangeDay.from + DAY_MS / 2 : undefined,
        channels,
    };
    channels.push(...channelsOf(plan, home, days));
    return home;
}

function channelsOf(plan: TownPlan, home: TownHome, days: readonly TownDay[]): TownChannel[] {
    const first = home.isLate ? days[Math.floor(days.length * 0.8)] : days[0];
    const from = first?.from ?? 0;
    const to = days.at(-1)?.to ?? 0;
    const cuts = home.exchangedAt === undefined ? [from, to] : [from, home.exchangedAt, to];
    const number = String(home.index + 1).padStart(6, '0');
    return cuts.slice(1).flatMap((validTo, part) => {
        const validFrom = cuts[part] ?? from;
        const count = (validTo - validFrom) / (home.minutes * 60_000);
        return registersOf(plan, home).map(({ register, flow }) => ({
            home,
            meterId: `M${number}-${part + 1}`,
            register,
            flow,
            validFrom,
            validTo,
            isLast: validTo === to,
            wh: new Int32Array(count),
            quality: new Uint8Array(count),
        }));
    });
}

function registersOf(plan: TownPlan, home: TownHome): Pick<TownChannel, 'register' | 'flow'>[] {
    // Without a register column the contract's default register is meant, and there can be no other.
    if (plan.feed === 'lcl') return [{ register: '1', flow: 'to_customer' }];
    const taken = { register: 'E1', flow: 'to_customer' } as const;
    return home.kind.panelWatts > 0 ? [taken, { register: 'B1', flow: 'from_customer' }] : [taken];
}

function kindAt(percentile: number): HomeKind {
    let below = 0;
    for (const kind of HOME_KINDS) {
        below += kind.share;
        if (percentile < below) return kind;
    }
    return HOME_KINDS[0];
}
