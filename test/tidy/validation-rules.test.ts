import assert from 'node:assert/strict';
import test from 'node:test';
import { FILE_RULES, ROW_RULES, WAITING_REASONS } from '../../src/contracts/ingest-rules.ts';
import {
    SETTLED_ON_ARRIVAL,
    thousandthsOf,
    VALIDATION_RULE_IDS,
    VALIDATION_RULES,
    type ValidationRule,
} from '../../src/contracts/validation-rules.ts';
import { expectNone } from './expect-none.ts';
import { filesUnder, readTree } from './tree.ts';
import { validationRuleDocs } from './validation-rule-docs.ts';

const RULES = Object.entries(VALIDATION_RULES as Readonly<Record<string, ValidationRule>>);

test('rules of validation stand in the order of their ids, and each says what fails', () => {
    assert.deepEqual(VALIDATION_RULE_IDS, VALIDATION_RULE_IDS.toSorted());
    for (const [id, { says, source }] of RULES) {
        assert.match(id, /^vee\.[a-z]+(-[a-z]+)*$/);
        assert.match(says, /^[A-Z].*\.$/s, id);
        assert.ok(source.length > 2, id);
    }
});

test('only a rule that looks at its own day may say that a reading does not count', () => {
    for (const [id, { scope, severities }] of RULES)
        assert.ok(['interval', 'day'].includes(scope) || !severities.includes('estimate'), id);
});

test('a default is one that configuration may say', () => {
    for (const [id, rule] of RULES) {
        assert.ok(rule.default === 'off' || rule.severities.includes(rule.default), id);
        for (const [name, p] of Object.entries(rule.parameters)) {
            if (p.default === null) continue;
            const thousandths = thousandthsOf(p.default) ?? -1;
            assert.ok(thousandths >= p.min * 1000 && thousandths <= p.max * 1000, `${id} ${name}`);
        }
    }
});

test('every rule is one of a model, and every model names rules of the catalogue alone', () => {
    const models = ['models/vee', 'models/registers'].flatMap((room) => filesUnder(room, '.sql'));
    const named = models.flatMap((file) =>
        [...readTree(file).matchAll(/'(vee\.[a-z-]+)'/g)].map((match) => ({ file, id: match[1] ?? '' })),
    );
    const known: readonly string[] = VALIDATION_RULE_IDS;
    const unknown = named
        .filter(({ id }) => !known.includes(id))
        .map(({ file, id }) => `${file} names ${id}`);
    const unused = known
        .filter((id) => !named.some((one) => one.id === id))
        .map((id) => `${id} is in no model`);
    expectNone([...unknown, ...unused]);
});

test('what is settled on arrival is settled by rules that there are', () => {
    const known = new Set(Object.keys({ ...FILE_RULES, ...ROW_RULES, ...WAITING_REASONS }));
    expectNone(SETTLED_ON_ARRIVAL.flatMap(({ rules }) => rules.filter((id) => !known.has(id))));
});

test('docs/validation.md lists the rules', () => {
    const text = readTree('docs/validation.md');
    const isCurrent = text.includes('vee.spike') && text === validationRuleDocs(text);
    expectNone(
        isCurrent ? [] : ['docs/validation.md is not current: run node run.cjs test/tidy/write-docs.ts'],
    );
});
