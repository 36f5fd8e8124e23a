import {
    isMap,
    isNode,
    isScalar,
    isSeq,
    LineCounter,
    parseDocument,
    type Scalar,
    stringify,
    visit,
} from 'yaml';
import { GridtallyError, type InputFault } from './errors.ts';

/** Where in a document: keys of maps and places (from 0) in lists. */
export type YamlPath = readonly (string | number)[];

export interface YamlDocument {
    /** Plain maps, lists, texts, booleans, nulls and whole numbers. */
    readonly value: unknown;
    /** Line (from 1) of a place; of its nearest parent where the place itself is not in the document. */
    lineOf(path: YamlPath): number;
}

/** Plain data as a YAML document that `parseYaml` reads back. */
export function formatYaml(value: unknown): string {
    return stringify(value);
}

/** A document that `parseYaml` reads, with other values at some places (undefined: none), and its comments and all the rest as they are. */
export function changeYaml(
    text: string,
    changes: readonly { readonly at: YamlPath; readonly value: string | undefined }[],
): string {
    if (changes.length === 0) return text;
    const document = parseDocument(text, { version: '1.2' });
    for (const { at, value } of changes) {
        if (value !== undefined) document.setIn(at, value);
        else if (document.hasIn(at)) document.deleteIn(at);
    }
    return document.toString({ lineWidth: 0 });
}

/**
 * Reads one YAML 1.2 document. A number that is not a safe whole number in its shortest form is given as its text, because a price
 * and an identifier such as 007 must stay as they were written. Throws `yaml.invalid` with every fault and its line: syntax, a key twice, unknown tags.
 */
export function parseYaml(text: string, file: string): YamlDocument {
    const lineCounter = new LineCounter();
    const document = parseDocument(text, {
        lineCounter,
        uniqueKeys: true,
        version: '1.2',
        prettyErrors: false,
    });
    const faults: InputFault[] = [...document.errors, ...document.warnings].map((problem) => ({
        file,
        line: lineCounter.linePos(problem.pos[0]).line,
        message: problem.message,
    }));
    if (faults.length > 0) {
        throw new GridtallyError('yaml.invalid', `${file} is not a YAML document that can be read.`, {
            faults,
        });
    }
    visit(document, {
        Scalar: (_key, node) => {
            if (isInexact(node)) node.value = node.source;
        },
    });
    return {
        value: document.toJS({ maxAliasCount: 100 }),
        lineOf: (path) => lineCounter.linePos(offsetOf(document.contents, path)).line,
    };
}

function isInexact(node: Scalar): boolean {
    return (
        typeof node.value === 'number' &&
        (!Number.isSafeInteger(node.value) || node.source !== String(node.value))
    );
}

function offsetOf(root: unknown, path: YamlPath): number {
    let node = root;
    let offset = isNode(root) ? (root.range?.[0] ?? 0) : 0;
    for (const step of path) {
        let next: unknown;
        if (isMap(node)) {
            const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
            if (pair !== undefined && isNode(pair.key)) offset = pair.key.range?.[0] ?? offset;
            next = pair?.value;
        } else if (isSeq(node) && typeof step === 'number') {
            next = node.items[step];
            if (isNode(next)) offset = next.range?.[0] ?? offset;
        }
        if (next === undefined || next === null) break;
        node = next;
    }
    return offset;
}
