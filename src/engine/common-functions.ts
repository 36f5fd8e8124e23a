/**
 * Functions that every engine has under one name and with one meaning, as far as models use them: models call these and macros, and nothing else. What is
 * new here was seen to give the same on both engines (`test/engines/engine-parity.test.ts`).
 */
export const COMMON_FUNCTIONS: ReadonlySet<string> = new Set(
    (
        'abs bit_count bit_or bit_xor cast coalesce count first_value floor greatest lag least max median min nullif range row_number ' +
        'substr substring sum'
    ).split(' '),
);

/** What may stand before a parenthesis and is no call. */
const KEYWORDS: ReadonlySet<string> = new Set(
    (
        'all and any as between by case distinct else except exists filter from having in intersect join lateral limit not offset on or ' +
        'over partition ref select then union using values when where with'
    ).split(' '),
);

/** Names that a text calls, each once, in lower case; comments are to be gone. What follows `as` is a type or a name that the text gives. */
export function calledFunctions(sql: string): string[] {
    const withoutTexts = sql.replace(/'[^']*'/g, "''");
    const called = new Set<string>();
    for (const match of withoutTexts.matchAll(/(\bas\s+)?\b([a-z_]\w*)\s*\(/gi)) {
        const name = (match[2] ?? '').toLowerCase();
        if (match[1] === undefined && !KEYWORDS.has(name)) called.add(name);
    }
    return [...called];
}
