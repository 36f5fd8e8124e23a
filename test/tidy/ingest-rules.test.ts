import assert from 'node:assert/strict';
import test from 'node:test';
import { FILE_RULES, ROW_RULES, WAITING_REASONS } from '../../src/contracts/ingest-rules.ts';
import { expectNone } from './expect-none.ts';
import { ingestRuleDocs } from './ingest-rule-docs.ts';
import { filesUnder, readTree } from './tree.ts';
import { lexCode } from './typescript-lexer.ts';

const SECTIONS = { file: FILE_RULES, row: ROW_RULES, waiting: WAITING_REASONS };
const rules = new Map<string, string>(Object.values(SECTIONS).flatMap((section) => Object.entries(section)));

test('ids of rules begin with what they judge, and each has a sentence', () => {
    const wrong = Object.entries(SECTIONS).flatMap(([prefix, section]) =>
        Object.entries(section)
            .filter(([id, meaning]) => !isWellFormed(prefix, id, meaning))
            .map(([id, meaning]) => `${id}: ${meaning}`),
    );
    expectNone(wrong);
});

test('the rule about ids sees a wrong prefix, a capital and a missing stop', () => {
    assert.ok(isWellFormed('row', 'row.stamp-2400', 'It is so.'));
    assert.ok(!isWellFormed('row', 'file.empty', 'It is so.'));
    assert.ok(!isWellFormed('row', 'row.Empty', 'It is so.'));
    assert.ok(!isWellFormed('row', 'row.empty', 'It is so'));
});

function isWellFormed(prefix: string, id: string, meaning: string): boolean {
    return new RegExp(`^${prefix}\\.[a-z0-9]+(-[a-z0-9]+)*$`).test(id) && /^[A-Z].*\.$/.test(meaning);
}

test('every rule that code names is a rule, and every rule is named by code', () => {
    const named = filesUnder('src', '.ts')
        .filter((file) => file !== 'src/contracts/ingest-rules.ts')
        .flatMap((file) => ruleNames(readTree(file)).map((id) => ({ file, id })));
    const unknown = named.filter(({ id }) => !rules.has(id)).map(({ file, id }) => `${file} names ${id}`);
    const ids = new Set(named.map(({ id }) => id));
    const unused = [...rules.keys()].filter((id) => !ids.has(id)).map((id) => `${id} is named by no code`);
    expectNone([...unknown, ...unused]);
});

test('ids are seen in strings, in quotes within SQL, and not in other words', () => {
    assert.deepEqual(ruleNames("a('row.unit'); b = `case when x then 'file.empty' end`; row.unit = 1;"), [
        'row.unit',
        'file.empty',
    ]);
    assert.deepEqual(ruleNames("import { x } from './row.ts';"), []);
});

function ruleNames(source: string): string[] {
    return lexCode(source)
        .filter((token) => token.kind === 'string' || token.kind === 'template')
        .flatMap((token) => [...token.text.matchAll(/['"`]((?:file|row|waiting)\.[a-z][a-z0-9-]*)['"`]/g)])
        .map((match) => match[1] ?? '');
}

test('docs/ingest-rules.md lists the rules', () => {
    const isThere = filesUnder('docs', 'ingest-rules.md').length === 1;
    const isCurrent = isThere && readTree('docs/ingest-rules.md') === ingestRuleDocs();
    expectNone(
        isCurrent ? [] : ['docs/ingest-rules.md is not current: run node run.cjs test/tidy/write-docs.ts'],
    );
});
