import { appendFileSync } from 'node:fs';
import type { EventData } from 'node:test';
import type { TestEvent } from 'node:test/reporters';
import type { TestRecord } from './suite.ts';

/**
 * Node's reporter for one test file: appends one JSON line per begun and per finished test to the file named by
 * GRIDTALLY_TEST_RECORDS, and `end` when the file has run to its end. Written at once and synchronously,
 * so that what a test did before it ended the process is there, and the missing `end` tells that it did.
 */
async function* recordTests(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
    let announced = 0;
    let finished = 0;
    for await (const event of events) {
        if (event.type === 'test:enqueue') announced += 1;
        if (event.type === 'test:dequeue' && event.data.type === 'test')
            append({ kind: 'begin', name: event.data.name });
        // What went wrong after a test had ended is in no test's result.
        if (event.type === 'test:diagnostic' && event.data.message.startsWith('Error:'))
            yield `${event.data.message}\n`;
        if (event.type !== 'test:pass' && event.type !== 'test:fail') continue;
        finished += 1;
        if (!isSuiteOfTests(event)) append(recordOf(event));
    }
    append({ kind: 'end', announced, finished });
}

type FinishedEvent = Extract<TestEvent, { type: 'test:pass' | 'test:fail' }>;

/** A suite is no test of its own; it counts only where it fails by itself, as when a hook throws. */
function isSuiteOfTests(event: FinishedEvent): boolean {
    if (event.data.details.type !== 'suite') return false;
    if (event.type === 'test:pass') return true;
    const error = event.data.details.error;
    return 'failureType' in error && error.failureType === 'subtestsFailed';
}

function recordOf(event: FinishedEvent): TestRecord {
    const { name, line, skip, todo } = event.data;
    if (skip !== undefined) return { kind: 'skip', name, reason: typeof skip === 'string' ? skip : '' };
    if (todo !== undefined)
        return { kind: 'skip', name, reason: typeof todo === 'string' ? `to do: ${todo}` : '' };
    if (event.type === 'test:pass') return { kind: 'pass', name, wallMs: event.data.details.duration_ms };
    return { kind: 'fail', name, line: line ?? 0, message: messageOf(event.data) };
}

/** The error itself rather than Node's wrapper around it. */
function messageOf(data: EventData.TestFail): string {
    const error = data.details.error;
    const cause: unknown = error.cause ?? error;
    return cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
}

function append(record: TestRecord): void {
    const file = process.env.GRIDTALLY_TEST_RECORDS;
    if (file === undefined)
        throw new Error('GRIDTALLY_TEST_RECORDS does not name a file; run tests with `npm test`');
    appendFileSync(file, `${JSON.stringify(record)}\n`);
}

// biome-ignore lint/style/noDefaultExport: Node takes a reporter from the default export and from nowhere else.
export { recordTests as default };
