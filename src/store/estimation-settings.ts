import { z } from 'zod';
import {
    DEFAULT_ESTIMATION,
    ESTIMATION_METHODS,
    type EstimationPolicy,
    LIKE_DAYS_BY,
} from '../contracts/estimation-policy.ts';
import { attributeName } from './attribute-name.ts';

const wholeNumber = (min: number, max: number) =>
    z.number(`must be a whole number from ${min} to ${max}`).int().min(min).max(max);

const FILE_NAME = /^[A-Za-z0-9][\w.-]*$/;

/** As the text says: the load shapes lie in a file of their own. */
export type EstimationSettings = Omit<EstimationPolicy, 'loadShapes'> & {
    readonly loadShapeFile?: string;
};

/** The part `estimation` of `gridtally.yaml`; what it does not name is as usual. */
export const estimationSettings = z
    .strictObject({
        methods: z
            .array(z.enum(ESTIMATION_METHODS, `must be one of ${ESTIMATION_METHODS.join(', ')}`))
            .refine((methods) => new Set(methods).size === methods.length, 'must name each method once')
            .refine(
                (methods) => methods.indexOf('register-scaled') < 1,
                'must have register-scaled first: what a register counted is shared among all gaps between two reads',
            )
            .refine(
                (methods) => !methods.includes('flat') || methods.includes('register-scaled'),
                'must have register-scaled where it has flat, which is an even share of what a register counted',
            )
            .default([...DEFAULT_ESTIMATION.methods]),
        registerScaled: z
            .strictObject({ upToDays: wholeNumber(1, 400).default(DEFAULT_ESTIMATION.registerDays) })
            .prefault({}),
        linear: z
            .strictObject({ upToMinutes: wholeNumber(5, 1440).default(DEFAULT_ESTIMATION.linearMinutes) })
            .prefault({}),
        likeDay: z
            .strictObject({
                by: z
                    .enum(LIKE_DAYS_BY, `must be one of ${LIKE_DAYS_BY.join(', ')}`)
                    .default(DEFAULT_ESTIMATION.likeDaysBy),
                days: wholeNumber(1, 20).default(DEFAULT_ESTIMATION.likeDays),
                among: wholeNumber(1, 20).default(DEFAULT_ESTIMATION.likeDaysLookedAt),
                lookBackDays: wholeNumber(1, 366).default(DEFAULT_ESTIMATION.lookBackDays),
            })
            .refine(({ days, among }) => days <= among, 'days must not be more than among')
            .prefault({}),
        loadShape: z
            .strictObject({
                file: z
                    .string()
                    .regex(
                        FILE_NAME,
                        'must be the name of a file in the folder of the home such as load-shapes.yaml',
                    )
                    .optional(),
                annualConsumptionAttribute: attributeName.default(
                    DEFAULT_ESTIMATION.annualConsumptionAttribute,
                ),
            })
            .prefault({}),
        holidaySet: z.string().min(1).optional(),
    })
    .transform(
        ({ methods, registerScaled, linear, likeDay, loadShape, holidaySet }): EstimationSettings => ({
            methods,
            registerDays: registerScaled.upToDays,
            linearMinutes: linear.upToMinutes,
            likeDaysBy: likeDay.by,
            likeDays: likeDay.days,
            likeDaysLookedAt: likeDay.among,
            lookBackDays: likeDay.lookBackDays,
            annualConsumptionAttribute: loadShape.annualConsumptionAttribute,
            ...(loadShape.file === undefined ? {} : { loadShapeFile: loadShape.file }),
            holidaySet: holidaySet ?? null,
        }),
    );
