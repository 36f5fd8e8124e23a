import assert from 'node:assert/strict';
import test from 'node:test';
import { status } from '@grpc/grpc-js';
import { isConnectionFailure, Retries } from '../../src/engine/spark-connect/patience.ts';

function failure(code: number, details = ''): Error {
    return Object.assign(new Error(details), { code, details });
}

test('only what a connection did is tried again', () => {
    assert.equal(isConnectionFailure(failure(status.UNAVAILABLE)), true);
    assert.equal(isConnectionFailure(failure(status.INTERNAL, 'Received RST_STREAM with code 2')), true);
    assert.equal(isConnectionFailure(failure(status.INTERNAL, '[DIVIDE_BY_ZERO] Division by zero')), false);
    assert.equal(isConnectionFailure(failure(status.UNAUTHENTICATED)), false);
    assert.equal(isConnectionFailure(new Error('UNAVAILABLE')), false);
});

test('tries end with the time, which begins anew with each answer', async () => {
    const retries = new Retries(200);
    const countTries = async () => {
        let tries = 0;
        while (await retries.pause()) tries += 1;
        return tries;
    };
    const first = await countTries();
    assert.ok(first >= 2 && first <= 4, `${first} tries`);
    assert.equal(await countTries(), 0);
    retries.succeed();
    assert.ok((await countTries()) >= 2);
});
