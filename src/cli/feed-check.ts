import { createReadStream, existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { previewFile } from '../ingest/preview-file.ts';
import { twoDigits } from '../kernel/calendar-date.ts';
import { count, counted } from '../kernel/counted.ts';
import { GridtallyError } from '../kernel/errors.ts';
import { instantText, parseInstant } from '../kernel/period.ts';
import { localStampAt, offsetAt, type Zone } from '../kernel/zone.ts';
import { useLake } from '../lake/lake-use.ts';
import { type CommonOptions, withWorkspace } from './command-context.ts';
import { placeText, tableText } from './output.ts';
import { unusedText } from './unused-text.ts';

/** Explains how a file would be read; nothing is received. Exit status 1 where something is wrong. */
export async function checkFeedFile(
    file: string,
    options: CommonOptions & { readonly feed: string },
): Promise<void> {
    if (!existsSync(file)) throw new GridtallyError('usage.invalid', `no such file: ${file}`);
    if (!statSync(file).isFile()) {
        throw new GridtallyError('usage.invalid', `${file} is no file; feed check reads one file at a time`);
    }
    await withWorkspace(options, async (workspace, output) => {
        const { home, lake } = workspace;
        const { zone } = lake;
        const preview = await useLake(lake, (inUse) =>
            previewFile({ home, lake: inUse }, options.feed, () => createReadStream(file)),
        );
        if (preview.refused) {
            const { ruleId, message, line, field } = preview.refused;
            const place = placeText({ file: path.basename(file), line, field });
            output.result(preview, [`refused: ${ruleId}`, `${place}: ${message}`]);
            process.exitCode = 1;
            return;
        }
        const rules = Object.entries(preview.faultsByRule);
        const { accepted, waiting } = preview;
        output.result(preview, [
            `${path.basename(file)} as ${options.feed}: ${counted(preview.records, 'row')}, of which ${count(accepted)} would be accepted${waiting === 0 ? '' : `, ${count(waiting)} would wait`}`,
            `stamps: ${preview.stamps}; unit: ${preview.unit}; unknown meters: ${preview.unknownMeter}`,
            ...tableText(
                ['line', 'meter', 'register', 'from (UTC)', `in ${zone.name}`, 'minutes', 'kWh', 'quality'],
                preview.sample.map((r) => [
                    r.line,
                    r.meter,
                    r.register,
                    r.periodFrom,
                    localText(zone, parseInstant(r.periodFrom)),
                    r.minutes === 0 ? null : r.minutes,
                    r.kwh,
                    r.quality,
                ]),
            ),
            ...(preview.unknownMeters > 0
                ? [`${counted(preview.unknownMeters, 'row')} whose meter or register is not registered`]
                : []),
            ...(preview.outsideValidity > 0
                ? [`${counted(preview.outsideValidity, 'row')} of meters that are not installed then`]
                : []),
            ...unusedText(preview.unusedValues),
            ...(preview.flagged ?? []).map(({ ruleId, message }) => `odd: ${ruleId}: ${message}`),
            ...rules.map(([rule, n]) => `${rule}: ${counted(n, 'row')}: ${preview.messages[rule]}`),
            ...preview.faults.map(
                (f) =>
                    `  ${placeText({ file: path.basename(file), line: f.line, field: f.fields })}: ${f.rules}: ${f.text}`,
            ),
        ]);
        if (rules.length > 0) process.exitCode = 1;
    });
}

/** Wall clock with its offset, such as `2024-07-01 13:00 +01:00`: in a repeated hour only that tells which one it is. */
function localText(zone: Zone, instant: number): string {
    const clock = instantText(localStampAt(zone, instant)).slice(0, 16).replace('T', ' ');
    const offset = offsetAt(zone, instant);
    const minutes = Math.abs(offset) / 60;
    return `${clock} ${offset < 0 ? '-' : '+'}${twoDigits(minutes / 60)}:${twoDigits(minutes % 60)}`;
}
