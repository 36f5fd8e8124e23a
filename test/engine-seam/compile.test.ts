import assert from 'node:assert/strict';
import test from 'node:test';
import { compileModel, compileText, overrideModel } from '../../src/engine/compile.ts';
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

test('a call that is neither a macro nor of all engines names model, call and engine', () => {
    const text =
        "select no_such_macro(a, 'list_sum(x)') as b, sum(c) as decimal(1), from ref('t') as w(a, c) -- sha2(a)";
    for (const dialect of ['duckdb', 'spark'] as const)
        assert.throws(
            () => compileText(text, dialect, 'curation/odd'),
            (error) => {
                assert.ok(error instanceof GridtallyError);
                assert.equal(error.code, 'engine.unsupported');
                assert.equal(
                    error.message,
                    `model curation/odd calls no_such_macro, for the engine ${dialect}: no macro, and no function that all engines have`,
                );
                return true;
            },
        );
    const forget = overrideModel(
        'curation/curated_hours',
        (model) => `${model} -- anew\nwhere Reverse('a') = 'a'`,
    );
    try {
        assert.throws(
            () => compileModel('curation/curated_hours', 'spark'),
            /calls reverse, for the engine spark/,
        );
    } finally {
        forget();
    }
    compileModel('curation/curated_hours', 'spark');
});

test('an engine has its own text where there is one, and the meaning stays the portable one', () => {
    const model = 'curation/curated_hours';
    const portable = (['duckdb', 'spark'] as const).map((dialect) => compileModel(model, dialect));
    // what the other engine has not, and macros and inputs as in any text
    const own = "select list_sum([int_div(1, 2)]) as a, from ref('present_hours');";
    const forget = overrideModel(`${model}.duckdb`, () => own);
    try {
        const [duckdb, spark] = (['duckdb', 'spark'] as const).map((dialect) =>
            compileModel(model, dialect, { present_hours: 'other_hours' }),
        );
        assert.equal(duckdb?.sql, 'select list_sum([((1) // (2))]) as a from other_hours');
        assert.doesNotMatch(spark?.sql ?? '', /list_sum/);
        assert.deepEqual(
            [duckdb?.fingerprint, spark?.fingerprint],
            portable.map(({ fingerprint }) => fingerprint),
        );
    } finally {
        forget();
    }
    assert.deepEqual(compileModel(model, 'duckdb'), portable[0]);
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
