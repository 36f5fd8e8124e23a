import { hash } from 'node:crypto';
import { AssertionError, assert } from './errors.ts';

/** SHA-256 of bytes, or of a text in UTF-8, as 64 lower-case hex digits. */
export function sha256Hex(content: Uint8Array | string): string {
    return hash('sha256', content, 'hex');
}

/** SHA-256 of the canonical JSON text: equal for equal values, whatever the order of their keys. */
export function fingerprint(value: unknown): string {
    return sha256Hex(canonicalJson(value));
}

/**
 * JSON without blanks and with keys in code unit order; members that are `undefined` are left out, as JSON
 * does. Asserts that the value is plain data: null, booleans, finite numbers, texts, arrays and plain
 * objects. A bigint is refused, because 1.5 and 1.50 have different units: format a decimal as text first.
 */
export function canonicalJson(value: unknown): string {
    switch (typeof value) {
        case 'string':
        case 'boolean':
            return JSON.stringify(value);
        case 'number':
            assert(Number.isFinite(value), `${value} can be written as JSON`);
            return JSON.stringify(value);
        case 'object':
            if (value === null) return 'null';
            return Array.isArray(value) ? canonicalArray(value) : canonicalObject(value);
        default:
            throw new AssertionError(`a ${typeof value} can be written as JSON`);
    }
}

function canonicalArray(values: readonly unknown[]): string {
    return `[${Array.from(values, canonicalJson).join(',')}]`;
}

function canonicalObject(value: object): string {
    const prototype = Object.getPrototypeOf(value);
    assert(
        prototype === Object.prototype || prototype === null,
        'a value to be written as JSON is a plain object',
    );
    const members = Object.entries(value)
        .filter(([, member]) => member !== undefined)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
    return `{${members.join(',')}}`;
}
