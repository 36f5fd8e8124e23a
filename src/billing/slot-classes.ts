import { hash } from 'node:crypto';
import type { BandEnergyCharge, Charge, SeriesEnergyCharge } from '../contracts/tariff-structure.ts';
import type { CalendarDate } from '../kernel/calendar-date.ts';
import { assert } from '../kernel/errors.ts';
import type { Zone } from '../kernel/zone.ts';
import { localTimeAt } from '../kernel/zone.ts';
import { type PeriodGrid, SLOT_MS } from './period-grid.ts';
import type { PriceBook } from './price-book.ts';
import type { RatingTariffVersion } from './rating-dimensions.ts';
import type { RatingFaults } from './rating-faults.ts';
import type { RatedPoint, RatingPlan } from './rating-plan.ts';
import { haveIntervalPrices } from './tariff-checks.ts';

/** What every interval of a class has in common: for each tariff of the class's profiles its version and, by charge id, the band. */
export interface SlotClass {
    readonly byTariff: ReadonlyMap<number, TariffSlot>;
}

export interface TariffSlot {
    readonly version: RatingTariffVersion;
    /** Null: the charge has one price all day. `UNPRICED`: nobody gave a band or a price for the interval. */
    readonly bands: ReadonlyMap<string, string | null>;
}

/** No name of a band: a band comes from a text document, which has no control characters. */
export const UNPRICED = '\u0000unpriced';

/**
 * The class of every slot of the period. Profiles (sets of tariffs) that change at the same slots share one run of slot keys, so that
 * hundreds of tariffs by one calendar are one run; a profile with a charge that is priced by interval has a run of its own.
 */
export interface SlotClasses {
    readonly classes: readonly SlotClass[];
    /** slot_key → class_no */
    readonly slotRows: readonly (readonly [number, number])[];
    /** The slot keys of a point and what they mean. */
    runOf(point: RatedPoint): SlotRun;
    /** Slot keys of the first slot of each run whose tariffs include the tariff. */
    readonly keyOffsetsByTariff: ReadonlyMap<number, readonly number[]>;
    /** The slots in use, in order of time. */
    readonly slots: readonly Slot[];
}

export interface Slot {
    /** First instant, UTC epoch milliseconds. */
    readonly at: number;
    /** Index of its local day in the period, and the minute that the wall clock shows. */
    readonly dayNo: number;
    readonly minuteOfDay: number;
    /** Steps of five minutes since the start of the period. */
    readonly slotNo: number;
}

/** Classes are numbered in order of first appearance; pure. */
export function classifySlots(
    plan: RatingPlan,
    grid: PeriodGrid,
    zone: Zone,
    prices: PriceBook,
    faults: RatingFaults,
): SlotClasses {
    const slots = listSlots(plan, grid, zone);
    const periodFrom = grid.dayStarts[0] ?? 0;
    const slotsOfProfile = ((grid.dayStarts.at(-1) ?? 0) - periodFrom) / SLOT_MS;
    assert(
        Number.isInteger(periodFrom / SLOT_MS),
        `the days of ${zone.name} begin on the grid of five minutes`,
    );
    const runs = new Map<string, OwnedRun>();
    const runOfProfile = new Map<string, OwnedRun>();
    const codesByTariff = new Map<number, TariffCodes>();
    const classes: SlotClass[] = [];
    for (const point of plan.points) {
        const profile = point.tariffNos.join();
        if (runOfProfile.has(profile)) continue;
        const coded = point.tariffNos.map((tariffNo) => {
            const codes =
                codesByTariff.get(tariffNo) ?? codeTariff(tariffNo, { plan, grid, prices, faults, slots });
            codesByTariff.set(tariffNo, codes);
            return { tariffNo, codes };
        });
        const found = findPattern(coded, slots.length);
        const isOwn = point.tariffNos.some((tariffNo) =>
            haveIntervalPrices(plan.versionsByTariff.get(tariffNo) ?? []),
        );
        const key = isOwn ? `own ${profile}` : hash('sha256', found.pattern);
        const run =
            runs.get(key) ?? newRun(found.pattern, runs.size * slotsOfProfile, periodFrom / SLOT_MS, classes);
        runs.set(key, run);
        runOfProfile.set(profile, run);
        addTariffs(run, coded, found.firstSlots);
    }
    const all = [...runs.values()];
    return {
        classes,
        slotRows: all.flatMap((run) =>
            slots.map((slot, i) => [run.offset + slot.slotNo, run.classNo(i)] as const),
        ),
        keyOffsetsByTariff: offsetsByTariff(all),
        slots,
        runOf(point) {
            const run = runOfProfile.get(point.tariffNos.join());
            assert(run !== undefined, 'every point has a run of slot keys');
            return run;
        },
    };
}

/** For each slot the index into `kinds`; −1 where the tariff has no version. */
interface TariffCodes {
    readonly codeOfSlot: Int32Array;
    readonly kinds: readonly TariffSlot[];
}

interface CodingContext {
    readonly plan: RatingPlan;
    readonly grid: PeriodGrid;
    readonly prices: PriceBook;
    readonly faults: RatingFaults;
    readonly slots: readonly Slot[];
}

function codeTariff(tariffNo: number, context: CodingContext): TariffCodes {
    const { grid, plan, prices, slots } = context;
    const versions = plan.versionsByTariff.get(tariffNo) ?? [];
    const versionOfDay = grid.days.map((day) =>
        versions.find(
            (v) => (v.validFrom === null || v.validFrom <= day) && (v.validTo === null || day < v.validTo),
        ),
    );
    const codeOfSlot = new Int32Array(slots.length).fill(-1);
    const codes = new Map<string, number>();
    const kinds: TariffSlot[] = [];
    slots.forEach((slot, index) => {
        const version = versionOfDay[slot.dayNo];
        const day = grid.days[slot.dayNo];
        if (version === undefined || day === undefined) return;
        const bands = version.structure.charges.map((charge) => bandOf(charge, prices, day, slot));
        const key = `${version.tariffVersionNo}|${bands.map((band) => JSON.stringify(band)).join()}`;
        let code = codes.get(key);
        if (code === undefined) {
            code = kinds.length;
            codes.set(key, code);
            kinds.push(tariffSlot(version, bands, context.faults));
        }
        codeOfSlot[index] = code;
    });
    return { codeOfSlot, kinds };
}

/** The band of an interval for a charge, by its first instant and local minute. */
export function bandOf(
    charge: Charge,
    prices: PriceBook,
    day: CalendarDate,
    slot: Pick<Slot, 'at' | 'minuteOfDay'>,
): string | null {
    switch (charge.kind) {
        case 'subscription':
        case 'energy-flat':
            return null;
        case 'energy-bands':
            return prices.bandAt(charge.calendarId, day, slot.minuteOfDay) ?? UNPRICED;
        case 'energy-series': {
            const value = prices.seriesValueAt(charge.seriesId, slot.at);
            if (value === undefined) return UNPRICED;
            return value.band;
        }
    }
}

function tariffSlot(
    version: RatingTariffVersion,
    bands: readonly (string | null)[],
    faults: RatingFaults,
): TariffSlot {
    const byCharge = new Map<string, string | null>();
    version.structure.charges.forEach((charge, i) => {
        const band = bands[i] ?? null;
        byCharge.set(charge.id, band);
        if (band === null || band === UNPRICED || !hasBandPrices(charge)) return;
        if (charge.pricePerKwhByBand?.[band] === undefined) {
            faults.ofVersion(
                version.tariffVersionNo,
                `charge ${charge.id} of tariff ${version.tariffId} has no price for band ${band}`,
            );
        }
    });
    return { version, bands: byCharge };
}

export function hasBandPrices(charge: Charge): charge is BandEnergyCharge | SeriesEnergyCharge {
    return (
        charge.kind === 'energy-bands' ||
        (charge.kind === 'energy-series' && charge.pricePerKwhByBand !== undefined)
    );
}

type CodedTariff = { readonly tariffNo: number; readonly codes: TariffCodes };

/** Slot keys of profiles that change at the same slots. */
export interface SlotRun {
    /** What to subtract from an instant's slot number (since 1970) to get the slot key. */
    readonly slotOrigin: number;
    /** Class of a slot, by its index in `slots`. */
    classNo(slotIndex: number): number;
}

interface OwnedRun extends SlotRun {
    readonly offset: number;
    readonly classes: readonly { readonly byTariff: Map<number, TariffSlot> }[];
}

/** Numbers the slots' sets of codes in order of first appearance: for each slot its number, and for each number its first slot. */
function findPattern(
    coded: readonly CodedTariff[],
    slotCount: number,
): { readonly pattern: Uint32Array; readonly firstSlots: readonly number[] } {
    const numbers = new Map<string, number>();
    const firstSlots: number[] = [];
    const pattern = new Uint32Array(slotCount);
    for (let index = 0; index < slotCount; index++) {
        const key = coded.map(({ codes }) => codes.codeOfSlot[index]).join();
        let number = numbers.get(key);
        if (number === undefined) {
            number = firstSlots.length;
            numbers.set(key, number);
            firstSlots.push(index);
        }
        pattern[index] = number;
    }
    return { pattern, firstSlots };
}

function newRun(pattern: Uint32Array, offset: number, firstSlot: number, classes: SlotClass[]): OwnedRun {
    const firstClassNo = classes.length;
    const count = pattern.reduce((most, number) => Math.max(most, number + 1), 0);
    const own = Array.from({ length: count }, () => ({ byTariff: new Map<number, TariffSlot>() }));
    classes.push(...own);
    return {
        offset,
        slotOrigin: firstSlot - offset,
        classes: own,
        classNo: (slotIndex) => firstClassNo + (pattern[slotIndex] ?? 0),
    };
}

function addTariffs(run: OwnedRun, coded: readonly CodedTariff[], firstSlots: readonly number[]): void {
    firstSlots.forEach((slotIndex, number) => {
        for (const { tariffNo, codes } of coded) {
            const kind = codes.kinds[codes.codeOfSlot[slotIndex] ?? -1];
            if (kind) run.classes[number]?.byTariff.set(tariffNo, kind);
        }
    });
}

function offsetsByTariff(runs: readonly OwnedRun[]): Map<number, number[]> {
    const offsets = new Map<number, number[]>();
    for (const run of runs) {
        const tariffNos = new Set(run.classes.flatMap(({ byTariff }) => [...byTariff.keys()]));
        for (const tariffNo of tariffNos)
            offsets.set(tariffNo, [...(offsets.get(tariffNo) ?? []), run.offset]);
    }
    return offsets;
}

/** Slots at the greatest length that divides every interval length in use, counted from each local midnight. */
function listSlots(plan: RatingPlan, grid: PeriodGrid, zone: Zone): Slot[] {
    const lengths = new Set(
        plan.points.flatMap((point) => point.channels.map((channel) => channel.intervalMinutes)),
    );
    const stepMs = [...lengths].reduce(greatestDivisor, 60) * 60_000;
    const periodFrom = grid.dayStarts[0] ?? 0;
    const slots: Slot[] = [];
    grid.days.forEach((_, dayNo) => {
        const dayTo = grid.dayStarts[dayNo + 1] ?? 0;
        for (let at = grid.dayStarts[dayNo] ?? 0; at < dayTo; at += stepMs) {
            const minuteOfDay = Math.floor(localTimeAt(zone, at).secondOfDay / 60);
            slots.push({ at, dayNo, minuteOfDay, slotNo: (at - periodFrom) / SLOT_MS });
        }
    });
    return slots;
}

function greatestDivisor(a: number, b: number): number {
    return b === 0 ? a : greatestDivisor(b, a % b);
}
