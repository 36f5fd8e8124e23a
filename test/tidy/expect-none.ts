import { AssertionError } from 'node:assert';

/** Fails with the faults one to a line: where, and what. A diff against an empty list would say less in more lines. */
export function expectNone(faults: readonly string[], advice = ''): void {
    if (faults.length === 0) return;
    const error = new AssertionError({ message: [advice, ...faults].join('\n    ').trim() });
    // Where in this folder the rule stands helps nobody; the name of the test is in the report.
    error.stack = error.message;
    throw error;
}
