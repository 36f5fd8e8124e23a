import { GridtallyError } from '../../kernel/errors.ts';

/** Such as `Conversion Error: …`; what the engine says of itself begins with `INTERNAL` or `FATAL`. */
const ENGINE_ERROR = /^(?:[A-Z]\w*(?: [a-zA-Z]+)*|INTERNAL|FATAL) Error: /i;

const REMEDIES: readonly (readonly [RegExp, string])[] = [
    [
        /^Out of Memory/,
        'Raise `engine.memory` in gridtally.yaml, or lower `engine.threads`, then run the command again.',
    ],
    [/./, 'Run the command again; if it fails alike, report the message with the version of gridtally.'],
];

/**
 * An error of DuckDB's as one of the catalogue, with what it was to do. A full disk stays as it is, as it is told alike whoever meets it; so does what is
 * none of the engine's.
 */
export function explainDuckdbError(error: unknown, deed: string): unknown {
    if (error instanceof GridtallyError || !(error instanceof Error)) return error;
    const { message } = error;
    if (!ENGINE_ERROR.test(message) || /^IO Error: /.test(message)) return error;
    const text = message.split('\n')[0]?.trim();
    if (/^INTERRUPT/.test(message))
        return new GridtallyError(
            'engine.interrupted',
            `the engine duckdb was told to stop when asked to ${deed}`,
            {
                cause: error,
            },
        );
    const remedy = REMEDIES.find(([of]) => of.test(message))?.[1] ?? '';
    return new GridtallyError('engine.failed', `the engine duckdb failed to ${deed}: ${text}`, {
        remedy,
        cause: error,
    });
}

/**
 * Of an error as `explainDuckdbError` gives it: memory, disk and the engine's own faults are none of a value's. Files that are damaged are told in the same
 * classes, so who asks must know what was read.
 */
export function isValueFailure(error: unknown): boolean {
    if (!(error instanceof GridtallyError) || error.code !== 'engine.failed') return false;
    return (
        error.cause instanceof Error &&
        /^(Out of Range|Conversion|Invalid Input) Error: /.test(error.cause.message)
    );
}
