import { z } from 'zod';
import type { CalendarDefinition, CalendarRule } from '../contracts/tariff-structure.ts';
import { dateSchema, idSchema } from './document-schema.ts';

const weekday = z
    .number()
    .int()
    .min(1, 'weekdays are 1 (Monday) to 7')
    .max(7, 'weekdays are 1 (Monday) to 7');
const month = z.number().int().min(1, 'months are 1 to 12').max(12, 'months are 1 to 12');
const timeFrom = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'is not a time of day as HH:MM');
const timeTo = z.union([timeFrom, z.literal('24:00')], { error: 'is not a time of day as HH:MM, or 24:00' });

const ruleSchema = z
    .strictObject({
        band: idSchema,
        weekdays: z.array(weekday).min(1).optional(),
        holiday: z.boolean().optional(),
        months: z.array(month).min(1).optional(),
        local_times: z
            .array(z.strictObject({ from: timeFrom, to: timeTo }))
            .min(1)
            .optional(),
    })
    .transform(
        ({ band, weekdays, holiday, months, local_times }): CalendarRule => ({
            band,
            ...(weekdays && { weekdays }),
            ...(holiday !== undefined && { holiday }),
            ...(months && { months }),
            ...(local_times && { localTimes: local_times }),
        }),
    );

const definitionFields = {
    holiday_set: idSchema.optional(),
    rules: z.array(ruleSchema).min(1, 'has no rule'),
};

const versionSchema = z
    .strictObject({ valid_from: dateSchema.optional(), valid_to: dateSchema.optional(), ...definitionFields })
    .transform((version, context) => {
        checkRules(version.rules, version.holiday_set, (path, message) =>
            context.addIssue({ code: 'custom', path: [...path], message }),
        );
        const { valid_from, valid_to, holiday_set, rules } = version;
        if (valid_from && valid_to && valid_to <= valid_from) {
            context.addIssue({ code: 'custom', path: ['valid_to'], message: 'is not after the beginning' });
        }
        const definition: CalendarDefinition = { ...(holiday_set && { holidaySet: holiday_set }), rules };
        return { validFrom: valid_from ?? null, validTo: valid_to ?? null, definition };
    });

/** A calendar of a calendar file, see `docs/master-data.md`. */
export const calendarSchema = z.strictObject({
    calendar_id: idSchema,
    versions: z.array(versionSchema).min(1, 'has no version'),
});

/** Every time of every day must find its band, and every rule must be able to name one. */
function checkRules(
    rules: readonly CalendarRule[],
    holidaySet: string | undefined,
    refuse: (path: readonly (string | number)[], message: string) => void,
): void {
    rules.forEach((rule, index) => {
        const isLast = index === rules.length - 1;
        const isUnconditional = Object.keys(rule).length === 1;
        if (isLast && !isUnconditional) refuse(['rules', index], 'the last rule must have no conditions');
        if (!isLast && isUnconditional) {
            refuse(
                ['rules', index],
                'only the last rule may have no conditions: those below it are never tried',
            );
        }
        if (rule.holiday !== undefined && holidaySet === undefined) {
            refuse(['rules', index, 'holiday'], 'asks for holidays, but the calendar names no holiday_set');
        }
    });
}
