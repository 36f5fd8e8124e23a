/**
 * Splits one line by RFC 4180, with blanks and tabs allowed around a quoted field; a field cannot span lines.
 * `undefined` where a quote stands within an unquoted field, text follows a closing quote, or a quote is not closed.
 */
export function splitQuoted(line: string, delimiter: string): string[] | undefined {
    const fields: string[] = [];
    let at = 0;
    for (;;) {
        const start = skipBlanks(line, at, delimiter);
        if (line[start] === '"') {
            const closing = closingQuote(line, start + 1);
            if (closing < 0) return undefined;
            fields.push(line.slice(start + 1, closing).replaceAll('""', '"'));
            at = skipBlanks(line, closing + 1, delimiter);
            if (at < line.length && line[at] !== delimiter) return undefined;
        } else {
            const next = line.indexOf(delimiter, at);
            const field = line.slice(at, next < 0 ? line.length : next);
            if (field.includes('"')) return undefined;
            fields.push(field);
            at = next < 0 ? line.length : next;
        }
        if (at >= line.length) return fields;
        at += 1;
    }
}

function skipBlanks(line: string, from: number, delimiter: string): number {
    let at = from;
    while ((line[at] === ' ' || line[at] === '\t') && line[at] !== delimiter) at += 1;
    return at;
}

function closingQuote(line: string, from: number): number {
    for (let at = line.indexOf('"', from); at >= 0; at = line.indexOf('"', at + 2)) {
        if (line[at + 1] !== '"') return at;
    }
    return -1;
}
