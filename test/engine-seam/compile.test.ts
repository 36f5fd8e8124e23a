import assert from 'node:assert/strict';
import test from 'node:test';
import { compileModel, compileText } from '../../src/engine/compile.ts';
import type { Dialect } from '../../src/engine/engine.ts';
import { MACROS } from '../../src/engine/macros.ts';
import { splitOrder } from '../../src/engine/sql-text.ts';
import { GridtallyError } from '../../src/kernel/errors.ts';

test('a macro has its text for each engine, and the comma after the last column goes', () => {
    const text = `-- why
        select int_div(instant_us(t.at), 2) as a, 'x, from y' as b,
        from ref('readings') as t;`;
    assert.equal(
        compileText(text, 'spark', 'm').replace(/\s+/g, ' '),
        "select ((unix_micros(t.at)) div (2)) as a, 'x, from y' as b from readings as t",
    );
    assert.match(compileText(text, 'duckdb', 'm'), /\(\(epoch_us\(t\.at\)\) \/\/ \(2\)\) as a/);
    for (const [name, texts] of Object.entries(MACROS))
        assert.deepEqual(Object.keys(texts).sort(), ['duckdb', 'spark'], name);
});

test('a macro that an engine lacks names model, macro and engine', () => {
    assert.throws(
        () => compileText('select int_div(1, 2)', 'abacus' as Dialect, 'curation/odd'),
        (error) => {
            assert.ok(error instanceof GridtallyError);
            assert.equal(error.code, 'engine.unsupported');
            assert.match(
                error.message,
                /model curation\/odd uses the macro int_div, for which abacus has no text/,
            );
            return true;
        },
    );
});

test('the fingerprint of a model is its meaning, whichever engine runs it', () => {
    const [duckdb, spark] = (['duckdb', 'spark'] as const).map((d) =>
        compileModel('curation/curated_hours', d),
    );
    assert.equal(duckdb?.fingerprint, spark?.fingerprint);
    assert.notEqual(duckdb?.sql, spark?.sql);
});

test('the order of a query is told from those inside it', () => {
    assert.deepEqual(splitOrder("select 'order by x' as a from t order by a nulls last, b"), {
        rows: "select 'order by x' as a from t",
        order: 'a nulls last, b',
    });
    const inner = 'select row_number() over (order by a) as n, reorder by_ from (select a from t order by a)';
    assert.deepEqual(splitOrder(inner), { rows: inner, order: undefined });
});
