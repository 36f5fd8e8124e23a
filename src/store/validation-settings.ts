import { z } from 'zod';
import {
    DEFAULT_RULES,
    DEFAULT_VALIDATION,
    type RuleParameter,
    type RuleSettings,
    thousandthsOf,
    VALIDATION_RULES,
    type ValidationPolicy,
    type ValidationRule,
    type ValidationRuleId,
} from '../contracts/validation-rules.ts';
import { attributeName } from './attribute-name.ts';

const RULES = Object.entries(VALIDATION_RULES) as [ValidationRuleId, ValidationRule][];

/** What a rule's entry says: `vee.spike: hold` alone is short for `vee.spike: { severity: hold }`. */
function ruleEntry(rule: ValidationRule) {
    const severities = ['off', ...rule.severities] as const;
    const parameters = Object.entries(rule.parameters).map(([name, p]) => [name, parameter(p).optional()]);
    const entry = z.strictObject({
        severity: z.enum(severities, `must be one of ${severities.join(', ')}`).optional(),
        ...(Object.fromEntries(parameters) as Record<string, z.ZodOptional<ReturnType<typeof parameter>>>),
    });
    return z.preprocess(
        (value) => (typeof value === 'string' ? { severity: value } : value),
        entry.optional(),
    );
}

/** A number with at most three decimals, as thousandths. YAML gives one that is not whole as its text. */
function parameter({ min, max, unit, isWhole }: RuleParameter) {
    const kind = isWhole ? 'a whole number' : 'a number with at most three decimals';
    const message = `must be ${kind} from ${min} to ${max} (${unit})`;
    return z.union([z.number(), z.string()], message).transform((value, context): number => {
        const thousandths = thousandthsOf(String(value));
        const isGood =
            thousandths !== undefined &&
            thousandths >= min * 1000 &&
            thousandths <= max * 1000 &&
            (!isWhole || thousandths % 1000 === 0);
        if (!isGood) context.addIssue({ code: 'custom', message });
        return thousandths ?? 0;
    });
}

const ruleEntries = z.strictObject(
    Object.fromEntries(RULES.map(([id, rule]) => [id, ruleEntry(rule)])) as Record<
        ValidationRuleId,
        ReturnType<typeof ruleEntry>
    >,
);

/** The part `validation` of `gridtally.yaml`; every rule that it does not name is as the catalogue has it. */
export const validationSettings = z.strictObject({
    classAttribute: attributeName.default(DEFAULT_VALIDATION.classAttribute),
    ratedPowerAttribute: attributeName.default(DEFAULT_VALIDATION.ratedPowerAttribute),
    checkAttribute: attributeName.default(DEFAULT_VALIDATION.checkAttribute),
    rules: ruleEntries.prefault({}),
    classes: z.record(z.string().min(1), ruleEntries).default({}),
});

/** A class has the settings of all, but for what it says itself. */
export function policyOf(settings: z.infer<typeof validationSettings>): ValidationPolicy {
    const { classAttribute, ratedPowerAttribute, checkAttribute, classes } = settings;
    const rules = overridden(DEFAULT_RULES, settings.rules);
    const ofClasses = Object.entries(classes).map(([name, own]) => [name, overridden(rules, own)] as const);
    return {
        classAttribute,
        ratedPowerAttribute,
        checkAttribute,
        rules,
        classes: Object.fromEntries(ofClasses),
    };
}

function overridden(base: RuleSettings, own: z.infer<typeof ruleEntries>): RuleSettings {
    const entries = RULES.map(([id]) => {
        const { severity = base[id].severity, ...said } = own[id] ?? {};
        const parameters = Object.fromEntries(
            Object.entries(base[id].parameters).map(([name, value]) => [
                name,
                (said as Record<string, number | undefined>)[name] ?? value,
            ]),
        );
        return [id, { severity, parameters }] as const;
    });
    return Object.fromEntries(entries) as RuleSettings;
}
