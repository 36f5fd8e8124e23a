import { randomUUID } from 'node:crypto';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { SparkCalls } from './calls.ts';
import { isConnectionFailure } from './patience.ts';
import {
    ExecutePlanRequestSchema,
    type ExecutePlanResponse,
    ExecutePlanResponseSchema,
    InterruptRequest_InterruptType,
    InterruptRequestSchema,
    InterruptResponseSchema,
    ReattachExecuteRequestSchema,
    ReleaseExecuteRequestSchema,
    ReleaseExecuteResponseSchema,
} from './protocol/spark/connect/base_pb.ts';
import { isCallFailure, SparkError } from './spark-error.ts';

/** How far the stages of a query are; the server sends it every few seconds. */
export interface QueryProgress {
    readonly stages: readonly {
        readonly stageId: number;
        readonly taskCount: number;
        readonly doneCount: number;
        readonly bytesRead: number;
        readonly isComplete: boolean;
    }[];
    readonly runningTasks: number;
}

export interface ExecutionOptions {
    /** By which `interrupt({ tag })` finds it; without commas. */
    readonly tags?: readonly string[];
    readonly onProgress?: (progress: QueryProgress) => void;
    /** Interrupts the query on the server. A job that the server was just about to submit may outlive that; it ends with the session. */
    readonly signal?: AbortSignal;
}

type Plan = NonNullable<MessageInitShape<typeof ExecutePlanRequestSchema>['plan']>;

/**
 * Runs a plan and gives the server's answers in order, each once, however often the connection is cut: the server keeps its answers
 * until they are released, and the execution is attached to again after the last one that came. What has been taken is released, so
 * neither side holds more than a few batches. The plan runs once, also if the request itself was lost.
 * @throws SparkError
 */
export async function* execute(
    calls: SparkCalls,
    plan: Plan,
    options: ExecutionOptions = {},
): AsyncGenerator<ExecutePlanResponse> {
    options.signal?.throwIfAborted();
    const execution = new Execution(calls, plan, options.tags ?? []);
    const onAbort = () => void execution.stop();
    options.signal?.addEventListener('abort', onAbort);
    try {
        for await (const response of execution.responses()) {
            const { case: kind, value } = response.responseType;
            if (kind === 'executionProgress') options.onProgress?.(progressOf(value));
            else yield response;
        }
    } finally {
        options.signal?.removeEventListener('abort', onAbort);
        await execution.end();
    }
}

const INTERRUPT_PAUSE_MS = 200;

class Execution {
    readonly #calls: SparkCalls;
    readonly #plan: Plan;
    readonly #tags: readonly string[];
    readonly #operationId = randomUUID();
    /** The last answer that was handed on. */
    #lastResponseId: string | undefined;
    #isComplete = false;
    #isEnded = false;
    #releasing: Promise<unknown> = Promise.resolve();

    constructor(calls: SparkCalls, plan: Plan, tags: readonly string[]) {
        this.#calls = calls;
        this.#plan = plan;
        this.#tags = tags;
    }

    async *responses(): AsyncGenerator<ExecutePlanResponse> {
        const retries = this.#calls.retries();
        let isStarted = false;
        this.#calls.unfinished.add(this.#operationId);
        while (!this.#isComplete) {
            if (this.#calls.isEnding) throw endedWithSession();
            const stream = isStarted ? this.#attach() : this.#start();
            isStarted = true;
            // reading it tells of its errors; one that is no longer read may fail as it likes
            stream.on('error', () => {});
            try {
                for await (const response of stream as AsyncIterable<ExecutePlanResponse>) {
                    retries.succeed();
                    this.#calls.observe(response);
                    if (response.responseId) this.#lastResponseId = response.responseId;
                    if (response.responseType.case === 'resultComplete') this.#complete();
                    else yield response;
                    if (response.responseType.case === 'arrowBatch') this.#releaseTaken();
                }
                // a server ends long streams by intent, after minutes; one that ends them at once is not to be hammered
                if (!this.#isComplete && !(await retries.pause()))
                    throw new SparkError('the server ends each answer before it is complete', {
                        status: 'UNAVAILABLE',
                    });
            } catch (error) {
                const next = whatNext(error, this.#lastResponseId === undefined);
                if (next === 'fail' || !(await retries.pause())) throw await this.#failure(error);
                isStarted = next === 'attach';
            } finally {
                stream.cancel();
            }
        }
    }

    #complete(): void {
        this.#isComplete = true;
        this.#calls.unfinished.delete(this.#operationId);
    }

    /** The error to tell. After a failure of its own a query leaves nothing that runs. */
    async #failure(error: unknown): Promise<unknown> {
        if (this.#calls.isEnding) return endedWithSession(error);
        const explained = await this.#calls.explain(error);
        if (explained instanceof SparkError && isOfQuery(explained))
            this.#calls.unfinished.delete(this.#operationId);
        return explained;
    }

    #start() {
        return this.#calls.stream('ExecutePlan', ExecutePlanRequestSchema, ExecutePlanResponseSchema, {
            plan: this.#plan,
            operationId: this.#operationId,
            tags: [...this.#tags],
            requestOptions: [{ requestOption: { case: 'reattachOptions', value: { reattachable: true } } }],
        });
    }

    #attach() {
        return this.#calls.stream(
            'ReattachExecute',
            ReattachExecuteRequestSchema,
            ExecutePlanResponseSchema,
            {
                operationId: this.#operationId,
                ...(this.#lastResponseId === undefined ? {} : { lastResponseId: this.#lastResponseId }),
            },
        );
    }

    /** One at a time and not waited for: a release that comes late only delays when the server forgets. */
    #releaseTaken(): void {
        const responseId = this.#lastResponseId;
        if (responseId === undefined) return;
        this.#releasing = this.#releasing.then(() =>
            this.#release({ case: 'releaseUntil', value: { responseId } }),
        );
    }

    async #release(
        release: NonNullable<MessageInitShape<typeof ReleaseExecuteRequestSchema>['release']>,
    ): Promise<void> {
        await this.#calls
            .once('ReleaseExecute', ReleaseExecuteRequestSchema, ReleaseExecuteResponseSchema, {
                operationId: this.#operationId,
                release,
            })
            .catch(() => {});
    }

    /** Interrupts it until it has ended: an interrupt that overtakes the request finds nothing to stop. */
    async stop(): Promise<void> {
        while (!this.#isEnded) {
            await this.#interrupt();
            await new Promise((resolve) => setTimeout(resolve, INTERRUPT_PAUSE_MS));
        }
    }

    /** Tried once: where the server cannot be reached, it forgets by itself an execution that nobody reads. */
    async #interrupt(): Promise<void> {
        await this.#calls
            .once('Interrupt', InterruptRequestSchema, InterruptResponseSchema, {
                interruptType: InterruptRequest_InterruptType.OPERATION_ID,
                interrupt: { case: 'operationId', value: this.#operationId },
            })
            .catch(() => {});
    }

    /** Ends the execution on the server, done or not: who stops reading wants no more of it. */
    async end(): Promise<void> {
        this.#isEnded = true;
        await this.#releasing;
        if (!this.#isComplete) await this.#interrupt();
        await this.#release({ case: 'releaseAll', value: {} });
    }
}

function endedWithSession(cause?: unknown): SparkError {
    return new SparkError('the session is closed', { status: 'CANCELLED' }, cause);
}

/** Not of the way to the server, nor of somebody who ended it: the server itself, too, where nobody had listened for long. */
function isOfQuery({ errorClass, isInterrupted }: SparkError): boolean {
    return errorClass !== undefined && !isInterrupted && !errorClass.startsWith('INVALID_HANDLE.OPERATION');
}

function whatNext(error: unknown, isNothingReceived: boolean): 'attach' | 'start' | 'fail' {
    if (!isCallFailure(error)) return 'fail';
    // the request never reached the server; nothing has run
    if (isNothingReceived && error.details.includes('INVALID_HANDLE.OPERATION_NOT_FOUND')) return 'start';
    // it did reach it, and only the answer was lost
    if (error.details.includes('INVALID_HANDLE.OPERATION_ALREADY_EXISTS')) return 'attach';
    return isConnectionFailure(error) ? 'attach' : 'fail';
}

type Progress = Extract<ExecutePlanResponse['responseType'], { case: 'executionProgress' }>['value'];

function progressOf(progress: Progress): QueryProgress {
    return {
        stages: progress.stages.map((stage) => ({
            stageId: Number(stage.stageId),
            taskCount: Number(stage.numTasks),
            doneCount: Number(stage.numCompletedTasks),
            bytesRead: Number(stage.inputBytesRead),
            isComplete: stage.done,
        })),
        runningTasks: Number(progress.numInflightTasks),
    };
}
