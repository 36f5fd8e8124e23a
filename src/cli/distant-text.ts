import { counted } from '../kernel/counted.ts';
import type { DistantReadings } from '../lake/distant-readings.ts';
import { wrapped } from './output.ts';

/** A warning for each run of days whose readings no others are near. */
export function distantText(distant: readonly DistantReadings[]): string[] {
    if (distant.length === 0) return [];
    const sentences = distant.map((d) => {
        const days = d.from === d.to ? d.from : `${d.from} to ${d.to}`;
        return (
            `warning: ${counted(d.rows, 'reading')} of ${days} ${d.rows === 1 ? 'lies' : 'lie'} apart from the others, ` +
            `with ${counted(d.emptyDays, 'day')} between that have no reading at all. The first is of meter ${d.meterId}, ` +
            `register ${d.registerId}, at ${d.periodFrom}.`
        );
    });
    return [
        ...sentences,
        '  Up to the newest day with a reading each day is expected, and missing where it has none. Where a stamp is wrong, ' +
            '`horizon` in gridtally.yaml sets the last day that is expected, and `load metering-points` when a meter begins.',
    ].flatMap(wrapped);
}
