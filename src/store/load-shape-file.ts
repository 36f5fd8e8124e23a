import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import type { LoadShapes } from '../contracts/estimation-policy.ts';
import { GridtallyError } from '../kernel/errors.ts';
import { parseYaml } from '../kernel/yaml-document.ts';

const HALF_HOURS = 48;
const VALUE = /^(\d{1,4})(?:\.(\d{1,6}))?$/;
const MILLION = 1_000_000;

/** In millionths, a whole number. */
const value = z.union([z.number(), z.string()]).transform((given, context): number => {
    const found = VALUE.exec(String(given));
    const millionths = Number(found?.[1]) * MILLION + Number((found?.[2] ?? '').padEnd(6, '0'));
    if (!found || millionths > 1000 * MILLION)
        context.addIssue({ code: 'custom', message: 'must be from 0 to 1000, with at most six decimals' });
    return millionths;
});

const values = z
    .array(value, 'must be a list of 48 values, from the half-hour at 00:00 on')
    .length(HALF_HOURS, 'must have 48 values, one for each half-hour of the local day from 00:00 on');

const season = z.strictObject({
    from: z
        .string()
        .regex(
            /^(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/,
            'must be the first day of the season, such as 04-01',
        ),
    weekday: values,
    saturday: values,
    sunday: values,
});

const shape = z
    .array(season)
    .min(1, 'must have a season')
    .refine(
        (seasons) => seasons.every(({ from }, i) => i === 0 || from > (seasons[i - 1]?.from ?? '')),
        'must have its seasons in the order of the year, each day once',
    )
    .refine(
        (seasons) =>
            seasons.every(({ weekday, saturday, sunday }) =>
                [weekday, saturday, sunday].some((ofDay) => ofDay.some((one) => one > 0)),
            ),
        'must have more than nothing in each season',
    );

const shapeFile = z.strictObject({ classes: z.record(z.string().min(1), shape) });

/** The shapes of a file of the home. Throws `home.config-invalid` with every fault and its line, and where there is no such file. */
export function readLoadShapes(folder: string, file: string): LoadShapes {
    const place = path.join(folder, file);
    if (!existsSync(place))
        throw new GridtallyError('home.config-invalid', `there is no ${place}`, {
            remedy: 'Put the load shapes there, or change estimation.loadShape.file in gridtally.yaml.',
        });
    const document = parseYaml(readFileSync(place, 'utf8'), file);
    const parsed = shapeFile.safeParse(document.value ?? {});
    if (parsed.success) return parsed.data.classes;
    const faults = parsed.error.issues.flatMap((issue) => {
        const at = issue.path.map((step) => (typeof step === 'number' ? step : String(step)));
        const keys = issue.code === 'unrecognized_keys' ? issue.keys : undefined;
        return (keys?.map((key) => [...at, key]) ?? [at]).map((where) => ({
            file,
            line: document.lineOf(where),
            field: where.join('.'),
            message: keys === undefined ? issue.message : 'there is no such setting',
        }));
    });
    throw new GridtallyError('home.config-invalid', `${place} is not valid`, {
        faults: faults.toSorted((a, b) => a.line - b.line),
    });
}
