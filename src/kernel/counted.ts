/** A whole number for people: `1,234`. */
export function count(n: number | bigint): string {
    return String(n).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `1 row`, `1,234 rows`. */
export function counted(n: number | bigint, noun: string): string {
    return `${count(n)} ${noun}${Number(n) === 1 ? '' : 's'}`;
}
