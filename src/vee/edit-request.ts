import { tryDecimal } from '../kernel/decimal.ts';
import type { InputFault } from '../kernel/errors.ts';
import { marketDayOf, marketDayPeriod } from '../kernel/market-day.ts';
import { instantText } from '../kernel/period.ts';
import type { Zone } from '../kernel/zone.ts';
import type { ChannelEntry } from '../registry/channel-directory.ts';
import type { EditedInterval, EditQuality } from './edit-payload.ts';

/** What a person asks for: one value for each interval of a meter that begins in a time, half-open. */
export interface EditRequest {
    /** A meter or a metering point. */
    readonly meter: string;
    readonly registerId?: string;
    readonly from: number;
    /** Absent: the one interval that begins at `from`. */
    readonly to?: number;
    readonly kwh: string | null;
    readonly quality: EditQuality;
    readonly reason: string;
    /** Where it stands, for the words of a fault. */
    readonly place: Pick<InputFault, 'file' | 'line'>;
}

// 100 intervals a day for ten years: more in one edit is a mistake in a date
const INTERVALS_MAX = 400_000;

/**
 * The intervals that a request means, of the channels that are believed to be its meter's. Nothing where something is wrong with it: then `faults` says
 * what. An interval that is none of the channel's grid is refused, never moved.
 */
export function intervalsOf(
    request: EditRequest,
    channels: readonly ChannelEntry[],
    zone: Zone,
    faults: InputFault[],
): EditedInterval[] {
    const refuse = (field: string, message: string): EditedInterval[] => {
        faults.push({ ...request.place, field, message });
        return [];
    };
    const { from, kwh, quality, reason } = request;
    const fault = valueFault(request) ?? registerFault(request, channels);
    if (fault !== undefined) return refuse(fault.field, fault.message);
    const intervals: EditedInterval[] = [];
    let at = from;
    const end = request.to ?? from + 1;
    if (end <= from) return refuse('to', 'the end is not after the start; it is exclusive');
    while (at < end) {
        const channel = channels.find((one) => isInstalled(one, at));
        if (channel === undefined) return refuse('from', `no meter is installed at ${instantText(at)}`);
        const { meterId, registerId, intervalMinutes: minutes } = channel;
        if (!isOnGrid(zone, at, minutes))
            return refuse('from', `no interval of ${minutes} minutes begins at ${instantText(at)}`);
        if (intervals.length === INTERVALS_MAX)
            return refuse('to', `more than ${INTERVALS_MAX} intervals are asked for`);
        intervals.push({ meterId, registerId, periodFrom: at, minutes, kwh, quality, reason });
        at += minutes * 60_000;
    }
    if (request.to !== undefined && at !== request.to)
        return refuse('to', `no interval ends at ${instantText(request.to)}`);
    return intervals;
}

/** The read of a register that a request means, of a channel that is installed then; the last one of a meter stands at the very end of its time. */
export function readOf(
    request: EditRequest,
    channels: readonly ChannelEntry[],
    faults: InputFault[],
): EditedInterval[] {
    const { meter, from, kwh, quality, reason } = request;
    const fault = valueFault(request) ?? registerFault(request, channels);
    const here =
        channels.find((one) => isInstalled(one, from)) ??
        channels.find(({ validToMs }) => validToMs === from);
    if (fault !== undefined || here === undefined) {
        const message = `no meter ${meter} is installed at ${instantText(from)}`;
        faults.push({ ...request.place, ...(fault ?? { field: 'at', message }) });
        return [];
    }
    const { meterId, registerId } = here;
    return [{ meterId, registerId, periodFrom: from, minutes: 0, kwh, quality, reason }];
}

type FieldFault = Required<Pick<InputFault, 'field' | 'message'>>;

function valueFault({ kwh, quality, reason }: EditRequest): FieldFault | undefined {
    if (reason.trim() === '') return { field: 'reason', message: 'a reason is needed' };
    if (quality === 'missing' && kwh !== null)
        return { field: 'kwh', message: 'a missing interval has no value' };
    if (quality !== 'missing' && (kwh === null || tryDecimal(kwh) === undefined))
        return { field: 'kwh', message: `${JSON.stringify(kwh ?? '')} is not a number such as 0.25` };
    return undefined;
}

function registerFault({ meter }: EditRequest, channels: readonly ChannelEntry[]): FieldFault | undefined {
    if (channels.length === 0)
        return { field: 'meter', message: `no meter or metering point ${meter} is registered` };
    const registers = [...new Set(channels.map(({ registerId }) => registerId))];
    if (registers.length > 1)
        return { field: 'register', message: `${meter} has the registers ${registers.join(', ')}: name one` };
    return undefined;
}

function isInstalled({ validFromMs, validToMs }: ChannelEntry, at: number): boolean {
    return (validFromMs ?? -Infinity) <= at && at < (validToMs ?? Infinity);
}

function isOnGrid(zone: Zone, at: number, minutes: number): boolean {
    const { from, to } = marketDayPeriod(zone, marketDayOf(zone, at));
    const lengthMs = minutes * 60_000;
    return (at - from) % lengthMs === 0 && at + lengthMs <= to;
}

/** Intervals that are named more than once are refused: nobody can tell which value is meant. */
export function refuseRepeated(intervals: readonly EditedInterval[], faults: InputFault[]): void {
    const seen = new Set<string>();
    for (const interval of intervals) {
        const key = intervalKey(interval);
        if (seen.has(key)) {
            const at = instantText(interval.periodFrom);
            faults.push({ message: `${interval.meterId} ${interval.registerId} at ${at} is given twice` });
        }
        seen.add(key);
    }
}

export function intervalKey({ meterId, registerId, periodFrom }: EditedInterval): string {
    return JSON.stringify([meterId, registerId, periodFrom]);
}
