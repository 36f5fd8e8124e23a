import { z } from 'zod';
import type { Charge, Rounding, TariffStructure, Tax } from '../contracts/tariff-structure.ts';
import { dateSchema, idSchema, priceSchema } from './document-schema.ts';

const MOST_DIGITS = 8;
const digits = z.number().int().min(0).max(MOST_DIGITS);

const roundingSchema = z
    .strictObject({
        mode: z.enum(['half-even', 'half-up']),
        quantity_digits: digits.optional(),
        amount_digits: digits,
        scope: z.enum(['line', 'bill', 'interval']),
    })
    .transform(
        ({ mode, quantity_digits, amount_digits, scope }): Rounding => ({
            mode,
            ...(quantity_digits !== undefined && { quantityDigits: quantity_digits }),
            amountDigits: amount_digits,
            scope,
        }),
    );

const taxRoundingSchema = z
    .strictObject({ mode: z.enum(['half-even', 'half-up']), amount_digits: digits })
    .transform(({ mode, amount_digits }): Tax['rounding'] => ({ mode, amountDigits: amount_digits }));

const common = {
    id: idSchema,
    label: idSchema.optional(),
    group: idSchema.default('energy'),
    rounding: roundingSchema.optional(),
};
const pricesByBand = z
    .record(z.string().min(1), priceSchema)
    .refine((prices) => Object.keys(prices).length > 0, 'prices no band');

const chargeSchema = z.discriminatedUnion('kind', [
    z.strictObject({ ...common, kind: z.literal('subscription'), price_per_day: priceSchema }),
    z.strictObject({ ...common, kind: z.literal('energy-flat'), price_per_kwh: priceSchema }),
    z.strictObject({
        ...common,
        kind: z.literal('energy-bands'),
        calendar_id: idSchema,
        price_per_kwh_by_band: pricesByBand,
    }),
    z.strictObject({
        ...common,
        kind: z.literal('energy-series'),
        series_id: idSchema,
        price_per_kwh_by_band: pricesByBand.optional(),
        price_factor: priceSchema.optional(),
    }),
]);

const taxSchema = z.strictObject({
    id: idSchema,
    label: idSchema.optional(),
    group: idSchema.default('energy'),
    percent: priceSchema.refine((text) => !text.startsWith('-'), 'is negative'),
    rounding: taxRoundingSchema.optional(),
});

type ChargeSource = z.output<typeof chargeSchema>;
type Refuse = (path: readonly (string | number)[], message: string) => void;

/**
 * The schema of a tariff in a tariff file, see `docs/master-data.md`; gives its versions with the `TariffStructure` that is kept.
 * @param currency of the home; a version in another one is refused
 */
export function tariffSchema(currency: string) {
    const versionSchema = z
        .strictObject({
            valid_from: dateSchema,
            valid_to: dateSchema.optional(),
            currency: z.literal(currency, `the home's currency is ${currency}`).default(currency),
            rounding: roundingSchema.optional(),
            charges: z.array(chargeSchema).min(1, 'has no charge'),
            taxes: z.array(taxSchema).default([]),
        })
        .transform((version, context) => {
            const refuse: Refuse = (path, message) =>
                context.addIssue({ code: 'custom', path: [...path], message });
            const { valid_from, valid_to, rounding, charges, taxes } = version;
            if (valid_to !== undefined && valid_to <= valid_from) {
                refuse(['valid_to'], 'is not after the beginning');
            }
            const structure: TariffStructure = {
                currency: version.currency,
                charges: charges.map((charge, index) => chargeOf(charge, index, rounding, refuse)),
                taxes: taxes.map((tax, index) => taxOf(tax, index, rounding, refuse)),
            };
            checkNames(structure, refuse);
            return { validFrom: valid_from, validTo: valid_to ?? null, structure };
        });
    return z.strictObject({
        tariff_id: idSchema,
        name: idSchema,
        versions: z.array(versionSchema).min(1, 'has no version'),
    });
}

function chargeOf(
    source: ChargeSource,
    index: number,
    versionRounding: Rounding | undefined,
    refuse: Refuse,
): Charge {
    const rounding = source.rounding ?? versionRounding;
    if (rounding === undefined) refuse(['charges', index], NO_ROUNDING);
    const base = {
        id: source.id,
        label: source.label ?? source.id,
        group: source.group,
        rounding: rounding ?? UNUSED_ROUNDING,
    };
    switch (source.kind) {
        case 'subscription':
            return { ...base, kind: source.kind, pricePerDay: source.price_per_day };
        case 'energy-flat':
            return { ...base, kind: source.kind, pricePerKwh: source.price_per_kwh };
        case 'energy-bands':
            return {
                ...base,
                kind: source.kind,
                calendarId: source.calendar_id,
                pricePerKwhByBand: source.price_per_kwh_by_band,
            };
        case 'energy-series':
            return {
                ...base,
                kind: source.kind,
                seriesId: source.series_id,
                ...(source.price_per_kwh_by_band && { pricePerKwhByBand: source.price_per_kwh_by_band }),
                ...(source.price_factor !== undefined && { priceFactor: source.price_factor }),
            };
    }
}

function taxOf(
    source: z.output<typeof taxSchema>,
    index: number,
    versionRounding: Rounding | undefined,
    refuse: Refuse,
): Tax {
    const rounding = source.rounding ?? versionRounding;
    if (rounding === undefined) refuse(['taxes', index], NO_ROUNDING);
    const { mode, amountDigits } = rounding ?? UNUSED_ROUNDING;
    const { id, label, group, percent } = source;
    return { id, label: label ?? id, group, percent, rounding: { mode, amountDigits } };
}

const NO_ROUNDING = 'has no rounding, and neither has the version';
/** Stands only in a structure that has been refused. */
const UNUSED_ROUNDING: Rounding = { mode: 'half-even', amountDigits: 2, scope: 'line' };

function checkNames({ charges, taxes }: TariffStructure, refuse: Refuse): void {
    for (const [list, parts] of [
        ['charges', charges],
        ['taxes', taxes],
    ] as const) {
        parts.forEach(({ id }, index) => {
            const first = parts.findIndex((part) => part.id === id);
            if (first !== index) refuse([list, index, 'id'], `${id} is the id of an earlier one already`);
        });
    }
    taxes.forEach(({ group }, index) => {
        if (!charges.some((charge) => charge.group === group)) {
            refuse(['taxes', index, 'group'], `no charge is of the group ${group}`);
        }
    });
}
