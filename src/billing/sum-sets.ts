import type { RatedPoint, RatingPlan } from './rating-plan.ts';
import type { Slot, SlotClasses, SlotRun } from './slot-classes.ts';

/** Beyond so many, each metering point's energy would come in many more parts than its own tariffs ask for. */
const CLASSES_OF_A_SET = 24;

/**
 * Metering points whose energy one grouped sum gives. The engine sums by channel and _sum class_: slots of the period in which no
 * metering point of the set changes its slot class, nor its day where sums are needed by day. So no reading has to be told what
 * it is summed for, only its slot.
 */
export interface SumSet {
    /** For each channel of the set its metering point. */
    readonly pointByChannel: ReadonlyMap<number, RatedPoint>;
    readonly isByDay: boolean;
    /** Sum class of each slot of the period. */
    readonly classOfSlot: Uint32Array;
    /** Index of the first slot of each sum class, which stands for all of them. */
    readonly firstSlots: readonly number[];
}

/** Puts metering points together whose tariffs change at few enough different slots; pure, in order of first appearance. */
export function planSumSets(plan: RatingPlan, slots: SlotClasses): SumSet[] {
    const drafts: DraftSet[] = [];
    for (const [isByDay, points] of Map.groupBy(plan.points, (point) => point.isByDay)) {
        const ofKind: DraftSet[] = [];
        for (const [run, ofRun] of Map.groupBy(points, (point) => slots.runOf(point)))
            addRun(ofKind, isByDay, slots.slots, run, ofRun);
        drafts.push(...ofKind);
    }
    return drafts.map(({ isByDay, pattern, points }) => ({
        pointByChannel: new Map(
            points.flatMap((point) => point.channels.map((channel) => [channel.channelNo, point])),
        ),
        isByDay,
        classOfSlot: pattern.classOfSlot,
        firstSlots: pattern.firstSlots,
    }));
}

interface DraftSet {
    readonly isByDay: boolean;
    readonly runs: SlotRun[];
    readonly points: RatedPoint[];
    pattern: Pattern;
}

interface Pattern {
    readonly classOfSlot: Uint32Array;
    readonly firstSlots: readonly number[];
}

function addRun(
    sets: DraftSet[],
    isByDay: boolean,
    slots: readonly Slot[],
    run: SlotRun,
    points: readonly RatedPoint[],
): void {
    const days = isByDay ? new Set(slots.map((slot) => slot.dayNo)).size : 1;
    for (const set of sets) {
        const pattern = patternOf(slots, [...set.runs, run], isByDay);
        if (pattern.firstSlots.length > CLASSES_OF_A_SET * days) continue;
        set.runs.push(run);
        // one at a time: a home has more metering points than a call can have arguments
        for (const point of points) set.points.push(point);
        set.pattern = pattern;
        return;
    }
    sets.push({ isByDay, runs: [run], points: [...points], pattern: patternOf(slots, [run], isByDay) });
}

/** Numbers the slots' combinations of classes, and days, in order of first appearance. */
function patternOf(slots: readonly Slot[], runs: readonly SlotRun[], isByDay: boolean): Pattern {
    const numbers = new Map<string, number>();
    const firstSlots: number[] = [];
    const classOfSlot = new Uint32Array(slots.length);
    slots.forEach((slot, index) => {
        const key = `${isByDay ? slot.dayNo : ''}|${runs.map((run) => run.classNo(index)).join()}`;
        let number = numbers.get(key);
        if (number === undefined) {
            number = firstSlots.length;
            numbers.set(key, number);
            firstSlots.push(index);
        }
        classOfSlot[index] = number;
    });
    return { classOfSlot, firstSlots };
}
