import assert from 'node:assert/strict';
import test from 'node:test';
import { addressText, parseSparkAddress, SparkAddressError } from '../../src/engine/spark-connect/address.ts';

test('an address names host, port, token, TLS and headers', () => {
    assert.deepEqual(
        parseSparkAddress(
            'sc://dbc-1.example.com:443/;token=da%3Bpi%3D1;use_ssl=true;x-databricks-cluster-id=0527-1',
        ),
        {
            host: 'dbc-1.example.com',
            port: 443,
            isTls: true,
            token: 'da;pi=1',
            userId: 'spark-connect-node',
            headers: { 'x-databricks-cluster-id': '0527-1' },
        },
    );
    const plain = parseSparkAddress('sc://spark');
    assert.deepEqual([plain.host, plain.port, plain.isTls], ['spark', 15_002, false]);
    const known = parseSparkAddress(
        'sc://[::1]:7/;user_id=ann;session_id=0b3c2d1e-0000-4000-8000-000000000001',
    );
    assert.deepEqual(
        [known.host, known.port, known.userId, known.sessionId],
        ['[::1]', 7, 'ann', '0b3c2d1e-0000-4000-8000-000000000001'],
    );
});

test('a token goes over a network only with TLS', () => {
    assert.equal(parseSparkAddress('sc://spark.example.com/;token=a').isTls, true);
    assert.equal(parseSparkAddress('sc://spark.example.com/;token=a').port, 443);
    assert.equal(parseSparkAddress('sc://127.0.0.1:15002/;token=a').isTls, false);
    assert.throws(() => parseSparkAddress('sc://spark/;token=a;use_ssl=false'), /without TLS/);
    assert.equal(
        addressText(parseSparkAddress('sc://spark.example.com/;token=secret')),
        'sc://spark.example.com:443',
    );
});

test('an address that cannot be read says which part, and never a token', () => {
    for (const [address, expected] of [
        ['http://spark:15002', /an address is sc:/],
        ['sc://', /an address is sc:/],
        ['sc://spark:15002;token=secret', /an address is sc:/],
        ['sc://spark:99999', /no port 99999/],
        ['sc://spark/;use_ssl=yes', /use_ssl is true or false/],
        ['sc://spark/;token', /name=value/],
        ['sc://spark/;token=secret;token=secret', /token is set twice/],
        ['sc://spark/;token=%zz', /token is not percent-encoded/],
        ['sc://spark/;session_id=7', /session_id must be a UUID/],
        ['sc://spark/;Big Header=1', /'Big Header' is no setting/],
    ] as const) {
        assert.throws(
            () => parseSparkAddress(address),
            (error) => {
                assert.ok(error instanceof SparkAddressError);
                assert.match(error.message, expected);
                assert.doesNotMatch(error.message, /secret/);
                return true;
            },
            address,
        );
    }
});
