import type { FeedContract } from '../contracts/feed-contract.ts';
import { trimBlanks } from './header.ts';
import { JsonLine } from './json-line.ts';
import type { RecordWriter } from './record-spool.ts';
import type { SpoolWriter } from './spool-writer.ts';

const KEY_LENGTH_SHOWN = 80;

/** Writes lines of flat JSON objects: numbers as they stand there, texts decoded, null as nothing. */
export function jsonRecords(contract: FeedContract, spool: SpoolWriter): RecordWriter {
    const columns = contract.columns.map(({ name, required }) => ({
        name,
        key: Buffer.from(name),
        required,
    }));
    const keys = columns.map(({ key }) => key);
    const places = new Map(columns.map(({ name }, place) => [name, place]));
    const froms = new Int32Array(columns.length);
    const tos = new Int32Array(columns.length);
    const decoded: (string | undefined)[] = columns.map(() => undefined);
    const object = new JsonLine();

    /** Place of the present member's column, or -1; members most often stand in the contract's order. */
    const placeOfKey = (line: Buffer, expected: number): number => {
        if (object.decodedKey !== undefined) return places.get(object.decodedKey) ?? -1;
        for (let step = 0; step < keys.length; step += 1) {
            const place = (expected + step) % keys.length;
            if (isSame(line, object.keyFrom, object.keyTo, keys[place] as Buffer)) return place;
        }
        return -1;
    };

    return (line, from, to) => {
        froms.fill(-1);
        let unknown: string | undefined;
        let expected = 0;
        object.open(line, from, to);
        while (object.next()) {
            const place = placeOfKey(line, expected);
            expected = place + 1;
            if (place < 0) {
                unknown ??= object.decodedKey ?? line.toString('utf8', object.keyFrom, object.keyTo);
                continue;
            }
            if (froms[place] !== -1) return `row.json:${columns[place]?.name}`;
            froms[place] = object.valueFrom;
            tos[place] = object.kind === 'null' ? object.valueFrom : object.valueTo;
            decoded[place] = object.decodedValue;
        }
        if (object.isBroken) return 'row.json';
        if (unknown !== undefined)
            return `row.column-unknown:${unknown.slice(0, KEY_LENGTH_SHOWN).toWellFormed()}`;
        const missing = columns.find(({ required }, place) => required && froms[place] === -1);
        if (missing !== undefined) return `row.fields:${missing.name}`;
        spool.copy(line, from, to);
        for (let place = 0; place < columns.length; place += 1) {
            spool.separator();
            if (froms[place] === -1) continue;
            const text = decoded[place];
            if (text !== undefined) spool.text(trimBlanks(text));
            else spool.copyTrimmed(line, froms[place] as number, tos[place] as number);
        }
        return '';
    };
}

function isSame(line: Buffer, from: number, to: number, key: Buffer): boolean {
    if (to - from !== key.length) return false;
    for (let i = 0; i < key.length; i += 1) if (line[from + i] !== key[i]) return false;
    return true;
}
