import type { Command } from 'commander';
import type { CalendarDate } from '../kernel/calendar-date.ts';
import { count, counted } from '../kernel/counted.ts';
import { deviceClocks } from '../pipeline/device-clocks.ts';
import {
    AGE_DAYS_MAX,
    type ClockDrift,
    DELIVERIES_MIN,
    DEVICES_MIN,
    type DeviceDrift,
    type DriftCertainty,
} from '../vee/clock-drift.ts';
import { type CommonOptions, command, day, wholeNumber, withWorkspace } from './command-context.ts';
import { tableText, wrapped } from './output.ts';

interface DriftOptions extends CommonOptions {
    readonly feed?: string;
    readonly from?: CalendarDate;
    readonly to?: CalendarDate;
    readonly limit?: number;
}

export function addDriftCommand(program: Command): void {
    command(program, 'drift', 'devices whose clocks are off, by when their readings were received')
        .option('--feed <name>', 'only this feed')
        .option('--from <day>', 'first market day (30 days before the last one)', day)
        .option('--to <day>', 'market day after the last one (the newest with a reading is the last)', day)
        .option(
            '--limit <minutes>',
            'by how much a clock may be off (3, which is common practice)',
            wholeNumber,
        )
        .action(driftCommand);
}

async function driftCommand({ feed, from, to, limit, ...common }: DriftOptions): Promise<void> {
    await withWorkspace(common, async (workspace, output) => {
        const drift = await deviceClocks(workspace, {
            ...(feed === undefined ? {} : { feed }),
            ...(from === undefined ? {} : { from }),
            ...(to === undefined ? {} : { to }),
            ...(limit === undefined ? {} : { limitMinutes: limit }),
        });
        output.result(drift, driftText(drift));
    });
}

function driftText(drift: ClockDrift): string[] {
    const { devices } = drift;
    const certainties = (Object.keys(MEANINGS) as DriftCertainty[]).filter((certainty) =>
        devices.some((device) => device.certainty === certainty),
    );
    return [
        ...(devices.length === 0 ? [] : [...tableText(COLUMNS, devices.map(cells)), '']),
        ...certainties.flatMap((certainty) => wrapped(`${certainty}: ${MEANINGS[certainty]}`)),
        ...shiftedFeeds(drift).flatMap(wrapped),
        ...wrapped(sumText(drift)),
    ];
}

const COLUMNS = ['feed', 'meter', 'interval', 'drift', 'at least', 'certainty', 'deliveries', 'spread'];

function cells(device: DeviceDrift): (string | number | null)[] {
    return [
        device.feed,
        device.meter,
        `${device.intervalMinutes} min`,
        signedMinutes(device.driftMinutes),
        signedMinutes(device.driftMinutesMin),
        device.certainty,
        device.deliveries,
        `${device.spreadMinutes.toFixed(1)} min`,
    ];
}

function signedMinutes(minutes: number | null): string | null {
    return minutes === null ? null : `${minutes > 0 ? '+' : ''}${minutes.toFixed(1)} min`;
}

const MEANINGS: Readonly<Record<DriftCertainty, string>> = {
    certain: 'intervals were received before they ended, so that the clock is ahead by what `at least` says.',
    likely:
        'the newest interval of every delivery was older (-), or that of one was younger (+), than is usual in the feed. A way of ' +
        'delivery that is always slower (or faster) by the same looks alike.',
    unclear:
        'every delivery was older than is usual, but by very different times, as on a slow way of delivery; a clock is off by the same each time.',
};

/** Where all devices of a feed are ahead, it is seldom their clocks. */
function shiftedFeeds({ usual, limitMinutes }: ClockDrift): string[] {
    return usual
        .filter(({ leastAgeMinutes }) => leastAgeMinutes < -limitMinutes)
        .map(
            ({ feed, intervalMinutes, leastAgeMinutes }) =>
                `warning: intervals of ${intervalMinutes} minutes of the feed ${feed} usually end ${(-leastAgeMinutes).toFixed(1)} minutes after ` +
                'their receipt. Look at `stampMarks` and `clock` of its contract, and at the clock of this machine; devices are compared ' +
                'with what is usual.',
        );
}

function sumText({ seen, within, notJudged, devices, limitMinutes, from, to }: ClockDrift): string {
    const off = counted(devices.length, 'device');
    const sentence =
        `${counted(seen, 'device')} looked at on market days from ${from} until ${to}: ${count(within)} within ` +
        `${counted(limitMinutes, 'minute')}, ${off} over it`;
    const reasons = [
        [notJudged.fewDeliveries, `with fewer than ${DELIVERIES_MIN} deliveries`],
        [notJudged.fewDevices, `with fewer than ${DEVICES_MIN} devices of the same feed and interval length`],
        [notJudged.tooOld, `with no delivery younger than ${AGE_DAYS_MAX} days`],
        [notJudged.backfill, 'of feeds marked as back-fill'],
    ] as const;
    const told = reasons.filter(([n]) => n > 0);
    if (told.length === 0) return `${sentence}.`;
    const total = told.reduce((sum, [n]) => sum + n, 0);
    return `${sentence}; ${count(total)} cannot be judged: ${told.map(([n, why]) => `${count(n)} ${why}`).join(', ')}.`;
}
