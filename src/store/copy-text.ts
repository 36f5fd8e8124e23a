/** What a bulk load takes: bytes go into bytea, everything else by its text; a list or document is given as text that Postgres reads. */
export type CopyValue = string | number | bigint | boolean | null | Uint8Array;

const CHUNK_CHARS = 65_536;
const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

/** Rows in the text format of `copy … from stdin`, in chunks; `onRow` hears of each one. */
export async function* copyChunks(
    rows: Iterable<readonly CopyValue[]> | AsyncIterable<readonly CopyValue[]>,
    onRow: () => void,
): AsyncGenerator<string> {
    let chunk = '';
    for await (const row of rows) {
        onRow();
        chunk += `${row.map(copyText).join('\t')}\n`;
        if (chunk.length < CHUNK_CHARS) continue;
        yield chunk;
        chunk = '';
    }
    if (chunk !== '') yield chunk;
}

function copyText(value: CopyValue): string {
    if (value === null) return '\\N';
    if (value instanceof Uint8Array) return `\\\\x${Buffer.from(value).toString('hex')}`;
    if (typeof value !== 'string') return String(value);
    return value.replace(/[\\\t\n\r]/g, (character) => ESCAPES[character] ?? character);
}
