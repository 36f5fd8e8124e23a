import { instantText } from '../kernel/period.ts';
import type { ChannelEntry } from '../registry/channel-directory.ts';

/** A directory entry in the column order of the channel snapshot. */
export function channelRow(entry: ChannelEntry): (string | number | null)[] {
    return [
        entry.channelNo,
        entry.meteringPointId,
        entry.meterId,
        entry.registerId,
        entry.flow,
        entry.intervalMinutes,
        entry.validFromMs === null || entry.validFromMs === Number.NEGATIVE_INFINITY
            ? null
            : instantText(entry.validFromMs),
        entry.validToMs === null || entry.validToMs === Number.POSITIVE_INFINITY
            ? null
            : instantText(entry.validToMs),
        entry.expectedFrom,
    ];
}
