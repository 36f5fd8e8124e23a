/** A whole number for people: `1,234`. */
export function count(n: number | bigint): string {
    return String(n).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `1 row`, `1,234 rows`. */
export function counted(n: number | bigint, noun: string): string {
    return `${count(n)} ${noun}${Number(n) === 1 ? '' : 's'}`;
}

/** `A1, A2 and 1,234 more`: the first of so many in all. */
export function namedFirst(names: readonly string[], total: number): string {
    const more = total - names.length;
    return `${names.join(', ')}${more > 0 ? ` and ${count(more)} more` : ''}`;
}
