/** A text as a SQL literal of both engines. */
export function sqlText(value: string): string {
    return `'${value.replaceAll("'", "''")}'`;
}
