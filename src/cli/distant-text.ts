import type { DistantReadings } from '../lake/distant-readings.ts';
import { counted } from './output.ts';

/** A warning for each run of days whose readings no others are near. */
export function distantText(distant: readonly DistantReadings[]): string[] {
    return distant
        .flatMap((d) => [
            `warning: ${counted(d.rows, 'reading')} of ${d.from === d.to ? d.from : `${d.from} to ${d.to}`} ${d.rows === 1 ? 'lies' : 'lie'} apart: ${counted(d.emptyDays, 'day')} without any reading are between ${d.rows === 1 ? 'it' : 'them'} and the others.`,
            `  The first is of meter ${d.meterId}, register ${d.registerId}, at ${d.periodFrom}. Up to the newest day, each of those days is expected, and missing.`,
        ])
        .concat(
            distant.length > 0
                ? [
                      '  If the stamp is wrong: `horizon` in gridtally.yaml sets the last day that is expected, `load metering-points` when a meter begins.',
                  ]
                : [],
        );
}
