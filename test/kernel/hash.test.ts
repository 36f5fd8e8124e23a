import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AssertionError } from '../../src/kernel/errors.ts';
import { canonicalJson, fingerprint, sha256Hex } from '../../src/kernel/hash.ts';

test('the hash is that of FIPS 180-4, for bytes as for the same text', () => {
    const known = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
    assert.equal(sha256Hex('abc'), known);
    assert.equal(sha256Hex(new Uint8Array([97, 98, 99])), known);
    assert.equal(sha256Hex('é'), sha256Hex(new TextEncoder().encode('é')));
});

test('the order of keys does not change a fingerprint, the order of a list does', () => {
    assert.equal(
        canonicalJson({ b: [1, { d: null, c: 'x' }], a: true }),
        '{"a":true,"b":[1,{"c":"x","d":null}]}',
    );
    assert.equal(fingerprint({ a: 1, b: 2 }), fingerprint({ b: 2, a: 1 }));
    assert.notEqual(fingerprint([1, 2]), fingerprint([2, 1]));
    assert.equal(canonicalJson({ a: undefined, b: -0 }), '{"b":0}');
});

test('canonical text is JSON with the same meaning', () => {
    fc.assert(
        fc.property(fc.jsonValue(), (value) => {
            assert.deepEqual(JSON.parse(canonicalJson(value)), JSON.parse(JSON.stringify(value)));
        }),
    );
});

test('what JSON would lose is refused', () => {
    const lost = [
        1n,
        { units: 1n },
        Number.NaN,
        Number.POSITIVE_INFINITY,
        [undefined],
        new Date(0),
        new Map(),
        () => 1,
    ];
    for (const value of lost) assert.throws(() => canonicalJson(value), AssertionError);
    // A hole in a list is as undefined as an undefined member of it.
    assert.throws(() => canonicalJson(new Array(1)), AssertionError);
});
