/** A text as a SQL literal of both engines. */
export function sqlText(value: string): string {
    return `'${value.replaceAll("'", "''")}'`;
}

/** What a statement is to do, for messages: `define x` of a view. */
export function deedOf(sql: string): string {
    const view = /^\s*create or replace temp view (\w+)/i.exec(sql)?.[1];
    return view === undefined ? 'run a statement' : `define ${view}`;
}

/** A query without its last `order by`, and what that says; `undefined` where the rows have no order. */
export function splitOrder(query: string): { readonly rows: string; readonly order: string | undefined } {
    let depth = 0;
    let isQuoted = false;
    let at = -1;
    for (let i = 0; i < query.length; i++) {
        const c = query[i];
        if (c === "'") isQuoted = !isQuoted;
        if (isQuoted) continue;
        if (c === '(') depth++;
        if (c === ')') depth--;
        if (depth === 0 && /^\border\s+by\b/i.test(query.slice(i, i + 20)) && !/\w/.test(query[i - 1] ?? ' '))
            at = i;
    }
    if (at < 0) return { rows: query, order: undefined };
    return { rows: query.slice(0, at).trimEnd(), order: query.slice(at).replace(/^order\s+by\s+/i, '') };
}
