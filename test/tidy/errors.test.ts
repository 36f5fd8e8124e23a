import assert from 'node:assert/strict';
import test from 'node:test';
import { ERROR_CATALOGUE } from '../../src/kernel/errors.ts';
import { errorDocs } from './error-docs.ts';
import { expectNone } from './expect-none.ts';
import { filesUnder, readTree } from './tree.ts';
import { lexCode } from './typescript-lexer.ts';

const codes: ReadonlySet<string> = new Set(Object.keys(ERROR_CATALOGUE));

test('codes read room.what, and each says what to do in sentences', () => {
    const wrong = Object.entries(ERROR_CATALOGUE)
        .filter(
            ([code, remedy]) =>
                !/^[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z]+)*$/.test(code) || !/^[A-Z].*\.$/.test(remedy),
        )
        .map(([code, remedy]) => `${code}: ${remedy}`);
    expectNone(wrong);
});

test('every error that is thrown has its code in the catalogue', () => {
    const thrown = thrownCodes();
    assert.ok(thrown.length > 0, 'the rule sees errors');
    expectNone(thrown.filter(({ code }) => !codes.has(code)).map(({ at, code }) => `${at} ${code}`));
});

/** Codes written out in `new GridtallyError('…'`; those that come in a variable are held by its type. */
function thrownCodes(): { readonly at: string; readonly code: string }[] {
    return filesUnder('src', '.ts').flatMap((file) => {
        const tokens = lexCode(readTree(file));
        return tokens.flatMap((token, at) => {
            const code = tokens[at + 2];
            if (token.text !== 'GridtallyError' || tokens[at + 1]?.text !== '(' || code?.kind !== 'string')
                return [];
            return [{ at: `${file}:${token.line}`, code: code.text.slice(1, -1) }];
        });
    });
}

test('docs/errors.md lists the catalogue', () => {
    const isCurrent =
        filesUnder('docs', 'errors.md').length === 1 && readTree('docs/errors.md') === errorDocs();
    expectNone(isCurrent ? [] : ['docs/errors.md is not current: run node run.cjs test/tidy/write-docs.ts']);
});
