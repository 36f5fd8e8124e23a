import type { CalendarDate } from '../kernel/calendar-date.ts';
import { compareText } from '../kernel/text-order.ts';
import type { PeriodGrid } from './period-grid.ts';
import type {
    BillingInputs,
    RatingAgreement,
    RatingChannel,
    RatingTariffVersion,
} from './rating-dimensions.ts';
import type { RatingFaults } from './rating-faults.ts';

/** A stay: one agreement with one account, metering point and tariff, clipped to the period (local days, half-open). */
export interface Stay {
    readonly agreement: RatingAgreement;
    readonly from: CalendarDate;
    readonly to: CalendarDate;
    /** The stay cut where the tariff version changes; covers it without holes. */
    readonly segments: readonly StaySegment[];
}

export interface StaySegment {
    readonly version: RatingTariffVersion;
    readonly from: CalendarDate;
    readonly to: CalendarDate;
}

/** A metering point with its stays in order of days, and the channels whose sum is its consumption. */
export interface RatedPoint {
    readonly pointNo: number;
    readonly meteringPointId: string;
    readonly stays: readonly Stay[];
    readonly channels: readonly RatingChannel[];
    /** Whether one stay does not cover the whole period, so that sums are needed for each local day. */
    readonly isByDay: boolean;
    /** Tariffs of the stays, ascending. */
    readonly tariffNos: readonly number[];
}

export interface RatingPlan {
    readonly points: readonly RatedPoint[];
    readonly staysByAccount: ReadonlyMap<string, readonly PlannedStay[]>;
    readonly versionsByTariff: ReadonlyMap<number, readonly RatingTariffVersion[]>;
}

export interface PlannedStay {
    readonly point: RatedPoint;
    readonly stay: Stay;
}

/** Decides what is rated: pure, in order of account ids, so that the same inputs give the same plan. */
export function planRating(inputs: BillingInputs, grid: PeriodGrid, faults: RatingFaults): RatingPlan {
    const versionsByTariff = groupBy(inputs.dimensions.tariffVersions, (v) => v.tariffNo);
    for (const versions of versionsByTariff.values())
        versions.sort((a, b) => compareFrom(a.validFrom, b.validFrom));
    const channelsByPoint = groupBy(
        inputs.channels.filter((channel) => channel.flow === 'to_customer'),
        (channel) => channel.meteringPointId,
    );
    const stays = inputs.dimensions.agreements
        .map((agreement) => ({ agreement, ...clip(agreement, inputs.period) }))
        .filter((stay) => stay.from < stay.to)
        .sort(
            (a, b) =>
                compareText(a.agreement.meteringPointId, b.agreement.meteringPointId) ||
                compareText(a.from, b.from),
        );
    const points: RatedPoint[] = [];
    for (const [meteringPointId, ofPoint] of groupBy(stays, (stay) => stay.agreement.meteringPointId)) {
        const merged = mergeStays(ofPoint).map((stay) => withSegments(stay, versionsByTariff, faults));
        const only = merged.length === 1 ? merged[0] : undefined;
        points.push({
            pointNo: points.length,
            meteringPointId,
            stays: merged,
            channels: channelsByPoint.get(meteringPointId) ?? [],
            isByDay: !(only && only.from === grid.days[0] && only.to === inputs.period.to),
            tariffNos: [...new Set(merged.map((stay) => stay.agreement.tariffNo))].sort((a, b) => a - b),
        });
    }
    return { points, staysByAccount: staysByAccount(points), versionsByTariff };
}

interface UncutStay {
    readonly agreement: RatingAgreement;
    readonly from: CalendarDate;
    readonly to: CalendarDate;
}

/** Two versions of an agreement that abut and differ in nothing that is billed are one stay. */
function mergeStays(stays: readonly UncutStay[]): UncutStay[] {
    const merged: UncutStay[] = [];
    for (const stay of stays) {
        const last = merged.at(-1);
        const isSame =
            last?.to === stay.from &&
            last.agreement.agreementNo === stay.agreement.agreementNo &&
            last.agreement.accountNo === stay.agreement.accountNo &&
            last.agreement.tariffNo === stay.agreement.tariffNo;
        if (last && isSame) merged[merged.length - 1] = { ...last, to: stay.to };
        else merged.push(stay);
    }
    return merged;
}

function withSegments(
    stay: UncutStay,
    versionsByTariff: ReadonlyMap<number, readonly RatingTariffVersion[]>,
    faults: RatingFaults,
): Stay {
    const segments: StaySegment[] = [];
    let reached = stay.from;
    for (const version of versionsByTariff.get(stay.agreement.tariffNo) ?? []) {
        const { from, to } = clip(version, stay);
        if (from >= to) continue;
        if (from > reached) withoutVersion(stay, reached, from, faults);
        segments.push({ version, from, to });
        reached = to;
    }
    if (reached < stay.to) withoutVersion(stay, reached, stay.to, faults);
    return { ...stay, segments };
}

function withoutVersion(
    { agreement }: UncutStay,
    from: CalendarDate,
    to: CalendarDate,
    faults: RatingFaults,
): void {
    faults.ofAccount(
        agreement.accountId,
        `tariff ${agreement.tariffId} has no version from ${from} until ${to}`,
    );
}

function staysByAccount(points: readonly RatedPoint[]): Map<string, PlannedStay[]> {
    const planned = points.flatMap((point) => point.stays.map((stay) => ({ point, stay })));
    planned.sort(
        (a, b) =>
            compareText(a.stay.agreement.accountId, b.stay.agreement.accountId) ||
            compareText(a.stay.agreement.agreementId, b.stay.agreement.agreementId) ||
            compareText(a.stay.from, b.stay.from),
    );
    return groupBy(planned, ({ stay }) => stay.agreement.accountId);
}

function clip(
    range: { readonly validFrom: CalendarDate | null; readonly validTo: CalendarDate | null },
    to: { readonly from: CalendarDate; readonly to: CalendarDate },
): { from: CalendarDate; to: CalendarDate } {
    return {
        from: range.validFrom !== null && range.validFrom > to.from ? range.validFrom : to.from,
        to: range.validTo !== null && range.validTo < to.to ? range.validTo : to.to,
    };
}

function compareFrom(a: CalendarDate | null, b: CalendarDate | null): number {
    return compareText(a ?? '', b ?? '');
}

export function groupBy<K, T>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
    const groups = new Map<K, T[]>();
    for (const item of items) {
        const key = keyOf(item);
        const group = groups.get(key);
        if (group) group.push(item);
        else groups.set(key, [item]);
    }
    return groups;
}
