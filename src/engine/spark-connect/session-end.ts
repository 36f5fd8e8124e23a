import { setTimeout as sleep } from 'node:timers/promises';
import type { SparkCalls } from './calls.ts';
import { isConnectionFailure } from './patience.ts';
import {
    ExecutePlanRequestSchema,
    ExecutePlanResponseSchema,
    InterruptRequest_InterruptType,
    InterruptRequestSchema,
    InterruptResponseSchema,
    ReleaseExecuteRequestSchema,
    ReleaseExecuteResponseSchema,
    ReleaseSessionRequestSchema,
    ReleaseSessionResponseSchema,
} from './protocol/spark/connect/base_pb.ts';
import { sqlRelation } from './relations.ts';
import { isCallFailure } from './spark-error.ts';

// on a server that had just started a job came 0.7 s after the answer that its query is interrupted, else after 0.1 s; who is told to end waits 3 s for all of this
const PAUSES_MS = [200, 300, 700, 1_000];

/** Ends a session on the server, with all that it runs and holds. Never fails. */
export async function endSession(calls: SparkCalls): Promise<void> {
    calls.isEnding = true;
    if (calls.unfinished.size > 0) await endJobs(calls, [...calls.unfinished]).catch(() => {});
    await releaseSession(calls, { isTakenUpAgain: false }).catch(() => {});
}

/**
 * Ends what these operations run, and what they are about to. A server that is told to interrupt a query cancels the jobs that it has; a job that another
 * thread of the server is about to submit (adaptive queries submit their stages so) comes later, and nothing interrupts it: it would hold the
 * server's cores until it has done all its work, for nobody. Jobs bear the names of their user, session and operation, and where a query fails the server
 * cancels all jobs of its name. So queries that fail at once are sent under the names of these, a few times. In one session a server takes
 * the name of an operation once: each time the session is made anew.
 */
async function endJobs(calls: SparkCalls, operationIds: readonly string[]): Promise<void> {
    await calls.once('Interrupt', InterruptRequestSchema, InterruptResponseSchema, {
        interruptType: InterruptRequest_InterruptType.ALL,
    });
    for (const pauseMs of PAUSES_MS) {
        await sleep(pauseMs);
        // the name of an operation that its session ends, and not its client, is not taken again
        await Promise.all(operationIds.map((operationId) => releaseOperation(calls, operationId)));
        await releaseSession(calls, { isTakenUpAgain: true });
        await Promise.all(operationIds.map((operationId) => failAs(calls, operationId)));
    }
}

/** Says nothing of the session that the server once made: it makes another one. */
const OF_ANY_SESSION = { clientObservedServerSideSessionId: undefined };

async function releaseSession(
    calls: SparkCalls,
    { isTakenUpAgain }: { readonly isTakenUpAgain: boolean },
): Promise<void> {
    await calls.once('ReleaseSession', ReleaseSessionRequestSchema, ReleaseSessionResponseSchema, {
        ...OF_ANY_SESSION,
        allowReconnect: isTakenUpAgain,
    });
}

async function releaseOperation(calls: SparkCalls, operationId: string): Promise<void> {
    await calls
        .once('ReleaseExecute', ReleaseExecuteRequestSchema, ReleaseExecuteResponseSchema, {
            ...OF_ANY_SESSION,
            operationId,
            release: { case: 'releaseAll', value: {} },
        })
        .catch(unlessRefused);
}

/** Fails when it is parsed: it needs no core, which what is to be ended may hold. */
const FAILING_QUERY = '/* ends what an interrupted query runs */ select';

async function failAs(calls: SparkCalls, operationId: string): Promise<void> {
    await calls
        .once('ExecutePlan', ExecutePlanRequestSchema, ExecutePlanResponseSchema, {
            ...OF_ANY_SESSION,
            operationId,
            plan: { opType: { case: 'root', value: sqlRelation(FAILING_QUERY) } },
        })
        .catch(unlessRefused);
}

/** A server that answers with an error is there. */
function unlessRefused(error: unknown): void {
    if (!isCallFailure(error) || isConnectionFailure(error)) throw error;
}
