import { isUtf8 } from 'node:buffer';

/** Length of the bytes without a character at their end that may go on in the next chunk. */
export function completeUtf8Length(bytes: Buffer): number {
    for (let back = 1; back <= 3 && back <= bytes.length; back += 1) {
        const byte = bytes[bytes.length - back] ?? 0;
        if (byte >= 0xc0) {
            const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
            return needed > back ? bytes.length - back : bytes.length;
        }
        if (byte < 0x80) break;
    }
    return bytes.length;
}

/** Length of the longest start of the bytes that is UTF-8, in whole characters; found by halving. */
export function validUtf8Length(bytes: Buffer): number {
    let good = 0;
    let bad = bytes.length;
    while (bad - good > 8) {
        const middle = good + ((bad - good) >> 1);
        const end = good + completeUtf8Length(bytes.subarray(good, middle));
        if (isUtf8(bytes.subarray(good, end))) {
            if (end === good) break;
            good = end;
        } else bad = end;
    }
    while (good < bytes.length) {
        const next = [1, 2, 3, 4].find((n) => isUtf8(bytes.subarray(good, good + n)));
        if (next === undefined) break;
        good += next;
    }
    return good;
}
