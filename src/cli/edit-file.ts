import { readFileSync } from 'node:fs';
import { counted } from '../kernel/counted.ts';
import { GridtallyError, type InputFault } from '../kernel/errors.ts';
import type { Zone } from '../kernel/zone.ts';
import { parseCsv } from '../registry/csv-document.ts';
import { EDIT_QUALITIES, type EditQuality } from '../vee/edit-payload.ts';
import type { EditRequest } from '../vee/edit-request.ts';
import { instantOrDay } from './history-commands.ts';

const COLUMNS = ['meter', 'register', 'from', 'to', 'kwh', 'quality', 'reason'] as const;
const REQUIRED = ['meter', 'from', 'kwh'];

/**
 * Reads a file of edits: a row for each value, `to`, `register`, `quality` and `reason` may be blank or absent. Throws `edit.refused` with every
 * fault of form.
 */
export function readEditFile(
    file: string,
    zone: Zone,
    defaults: { readonly reason: string; readonly quality: EditQuality },
): EditRequest[] {
    const { header, rows, faults: broken } = parseCsv(readText(file), file);
    const faults: InputFault[] = [...broken];
    for (const name of header)
        if (!(COLUMNS as readonly string[]).includes(name))
            faults.push({ file, line: 1, field: name, message: `the columns are ${COLUMNS.join(', ')}` });
    for (const name of REQUIRED)
        if (!header.includes(name))
            faults.push({ file, line: 1, field: name, message: 'the column is missing' });
    const requests = rows.flatMap(({ line, fields }): EditRequest[] => {
        const of = (name: (typeof COLUMNS)[number]) => fields[header.indexOf(name)] ?? '';
        const place = { file, line };
        const quality = qualityOf(of('quality') || defaults.quality);
        const from = tryInstant(zone, of('from'));
        const to = of('to') === '' ? undefined : tryInstant(zone, of('to'));
        if (quality === undefined)
            faults.push({ ...place, field: 'quality', message: `quality is ${EDIT_QUALITIES.join(', ')}` });
        if (from === undefined) faults.push({ ...place, field: 'from', message: INSTANT });
        if (of('to') !== '' && to === undefined) faults.push({ ...place, field: 'to', message: INSTANT });
        if (quality === undefined || from === undefined) return [];
        return [
            {
                meter: of('meter'),
                ...(of('register') === '' ? {} : { registerId: of('register') }),
                from,
                ...(to === undefined ? {} : { to }),
                kwh: of('kwh') === '' ? null : of('kwh'),
                quality,
                reason: of('reason') || defaults.reason,
                place,
            },
        ];
    });
    if (faults.length === 0) return requests;
    const message = `${file} has ${counted(faults.length, 'fault')} of form; nothing of it was received.`;
    throw new GridtallyError('edit.refused', message, { faults });
}

const INSTANT = 'a UTC instant such as 2013-05-01T00:00:00Z, or a local day, is expected';

function readText(file: string): string {
    try {
        return readFileSync(file, 'utf8');
    } catch (cause) {
        throw new GridtallyError('usage.invalid', `${file} cannot be read`, { cause });
    }
}

export function qualityOf(text: string): EditQuality | undefined {
    return EDIT_QUALITIES.find((quality) => quality === text);
}

function tryInstant(zone: Zone, text: string): number | undefined {
    try {
        return instantOrDay(zone, text);
    } catch (error) {
        if (error instanceof GridtallyError) return undefined;
        throw error;
    }
}
