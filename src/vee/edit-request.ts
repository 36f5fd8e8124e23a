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
    const { meter, from, kwh, quality, reason } = request;
    if (reason.trim() === '') return refuse('reason', 'a reason is needed');
    if (quality === 'missing' && kwh !== null) return refuse('kwh', 'a missing interval has no value');
    if (quality !== 'missing' && (kwh === null || tryDecimal(kwh) === undefined))
        return refuse('kwh', `${JSON.stringify(kwh ?? '')} is not a number such as 0.25`);
    if (channels.length === 0) return refuse('meter', `no meter or metering point ${meter} is registered`);
    const registers = [...new Set(channels.map(({ registerId }) => registerId))];
    if (registers.length > 1)
        return refuse('register', `${meter} has the registers ${registers.join(', ')}: name one`);
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
