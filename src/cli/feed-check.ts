import { createReadStream, existsSync } from 'node:fs';
import path from 'node:path';
import { previewFile } from '../ingest/preview-file.ts';
import { GridtallyError } from '../kernel/errors.ts';
import { useLake } from '../lake/lake-use.ts';
import { type CommonOptions, withWorkspace } from './command-context.ts';
import { count, tableText } from './output.ts';

/** Explains how a file would be read; nothing is received. Exit status 1 where something is wrong. */
export async function checkFeedFile(
    file: string,
    options: CommonOptions & { readonly feed: string },
): Promise<void> {
    if (!existsSync(file)) throw new GridtallyError('usage.invalid', `no such file: ${file}`);
    await withWorkspace(options, async (workspace, output) => {
        const { home } = workspace;
        const preview = await useLake(workspace.lake, (lake) =>
            previewFile({ home, lake }, options.feed, () => createReadStream(file)),
        );
        if (preview.refused) {
            const { ruleId, message, line, field } = preview.refused;
            const place = [path.basename(file), line, field].filter((part) => part !== undefined).join(':');
            output.result(preview, [`refused: ${ruleId}`, `${place}: ${message}`]);
            process.exitCode = 1;
            return;
        }
        const rules = Object.entries(preview.faultsByRule);
        output.result(preview, [
            `${path.basename(file)} as ${options.feed}: ${count(preview.records)} rows, ${count(preview.accepted)} would be accepted`,
            `stamps: ${preview.stamps}; unit: ${preview.unit}; unknown meters: ${preview.unknownMeter}`,
            ...tableText(
                ['line', 'meter', 'register', 'from', 'minutes', 'kwh', 'quality'],
                preview.sample.map((r) => [
                    r.line,
                    r.meter,
                    r.register,
                    r.periodFrom,
                    r.minutes,
                    r.kwh,
                    r.quality,
                ]),
            ),
            ...(preview.unknownMeters > 0
                ? [`${count(preview.unknownMeters)} rows are of meters that are not registered`]
                : []),
            ...(preview.flagged ? [`odd: ${preview.flagged.ruleId}: ${preview.flagged.message}`] : []),
            ...rules.map(([rule, n]) => `${rule}: ${count(n)} rows`),
            ...preview.faults.map(
                (f) => `  ${path.basename(file)}:${f.line} ${f.fields}: ${f.rules}: ${f.text}`,
            ),
        ]);
        if (rules.length > 0) process.exitCode = 1;
    });
}
