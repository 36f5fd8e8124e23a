import { createSecureContext } from 'node:tls';
import {
    create,
    type DescMessage,
    fromBinary,
    type MessageInitShape,
    type MessageShape,
    toBinary,
} from '@bufbuild/protobuf';
import { Client, type ClientReadableStream, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import type { SparkAddress } from './address.ts';
import { isConnectionFailure, type Patience, Retries } from './patience.ts';
import {
    AddArtifactsRequestSchema,
    type AddArtifactsResponse,
    AddArtifactsResponseSchema,
    FetchErrorDetailsRequestSchema,
    FetchErrorDetailsResponseSchema,
} from './protocol/spark/connect/base_pb.ts';
import { errorIdOf, isCallFailure, SparkError, shortError, wholeError } from './spark-error.ts';

const SERVICE = '/spark.connect.SparkConnectService/';
// the server's own limit for what it takes; its batches have at most 4 MiB unless it is told otherwise
const MESSAGE_BYTES_MAX = 128 * 1024 * 1024;
const KEEPALIVE_MS = 30_000;
/** For what is done by the way: releases, interrupts. */
const ONCE_MS_MAX = 5_000;
/** A server that was just started, on a busy machine, took 13 s for its first answer. */
const FIRST_ANSWER_MS_MAX = 20_000;
/** Long, because a plan over many thousands of files takes its time to be looked at. */
const UNARY_MS_MAX = 600_000;

export interface CallOptions {
    readonly patience: Patience;
    /** PEM certificates to trust instead of the system's. */
    readonly rootCertificates?: Buffer;
}

export type ArtifactPayload = NonNullable<MessageInitShape<typeof AddArtifactsRequestSchema>['payload']>;

/** The calls of one session to one server. Every request carries the session, and the server's own name of it once that is known. */
export class SparkCalls {
    readonly sessionId: string;
    readonly patience: Patience;
    /** Operations that were asked for and did not come to their end, for all that is known: they run, were interrupted, or the server is out of reach. */
    readonly unfinished = new Set<string>();
    /** Nothing is begun or taken up again. */
    isEnding = false;
    readonly #client: Client;
    readonly #metadata = new Metadata();
    readonly #userId: string;
    #serverSessionId: string | undefined;
    #isClosed = false;

    constructor(address: SparkAddress, sessionId: string, options: CallOptions) {
        this.sessionId = sessionId;
        this.patience = options.patience;
        this.#userId = address.userId;
        for (const [name, value] of Object.entries(address.headers)) this.#metadata.set(name, value);
        if (address.token !== undefined) this.#metadata.set('authorization', `Bearer ${address.token}`);
        // what Node trusts, NODE_EXTRA_CA_CERTS among it: of its own the library would go by a variable that few know
        const secure = address.isTls
            ? credentials.createFromSecureContext(createSecureContext({ ca: options.rootCertificates }))
            : credentials.createInsecure();
        this.#client = new Client(`${address.host}:${address.port}`, secure, {
            'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
            'grpc.max_send_message_length': MESSAGE_BYTES_MAX,
            'grpc.primary_user_agent': address.userAgent ?? 'spark-connect-node',
            'grpc.keepalive_time_ms': KEEPALIVE_MS,
            'grpc.initial_reconnect_backoff_ms': 50,
            'grpc.max_reconnect_backoff_ms': 2_000,
            // each session has its own connection, so that closing one ends it
            'grpc.use_local_subchannel_pool': 1,
        });
    }

    /** What stands in every request; throws where the session is closed. */
    get context(): {
        sessionId: string;
        userContext: { userId: string; userName: string };
        clientType: string;
    } {
        if (this.#isClosed) throw new SparkError('the session is closed', { status: 'FAILED_PRECONDITION' });
        return {
            sessionId: this.sessionId,
            userContext: { userId: this.#userId, userName: this.#userId },
            clientType: 'spark-connect-node',
            ...(this.#serverSessionId === undefined
                ? {}
                : { clientObservedServerSideSessionId: this.#serverSessionId }),
        };
    }

    /** Time for one more try: short until the server has answered once. */
    retries(): Retries {
        return new Retries(
            this.#serverSessionId === undefined ? this.patience.connectMs : this.patience.reconnectMs,
        );
    }

    /** Keeps the name that the server gave the session: with it, a restarted server says so instead of making an empty one. */
    observe(response: { readonly serverSideSessionId?: string }): void {
        if (response.serverSideSessionId) this.#serverSessionId ??= response.serverSideSessionId;
    }

    /** A call that may be repeated, and is where the connection fails. */
    async unary<I extends DescMessage, O extends DescMessage>(
        name: string,
        input: I,
        output: O,
        init: MessageInitShape<I>,
    ): Promise<MessageShape<O>> {
        const retries = this.retries();
        // a host that swallows packets is told from a server that thinks for long by its never having answered
        const limitMs = this.#serverSessionId === undefined ? FIRST_ANSWER_MS_MAX : UNARY_MS_MAX;
        for (;;) {
            try {
                return await this.once(name, input, output, init, limitMs);
            } catch (error) {
                if (!isConnectionFailure(error) || !(await retries.pause())) throw await this.explain(error);
            }
        }
    }

    /** A call without a second try; fails with gRPC's own error, after `limitMs` at the latest. */
    once<I extends DescMessage, O extends DescMessage>(
        name: string,
        input: I,
        output: O,
        init: MessageInitShape<I>,
        limitMs = ONCE_MS_MAX,
    ): Promise<MessageShape<O>> {
        return new Promise((resolve, reject) => {
            const done = (error: ServiceError | null, response?: MessageShape<O>) => {
                if (error !== null || response === undefined) return reject(error);
                this.observe(response as { serverSideSessionId?: string });
                resolve(response);
            };
            this.#client.makeUnaryRequest(
                SERVICE + name,
                writerOf(input),
                readerOf(output),
                create(input, { ...this.context, ...init } as MessageInitShape<I>),
                this.#metadata,
                { deadline: Date.now() + limitMs },
                done,
            );
        });
    }

    stream<I extends DescMessage, O extends DescMessage>(
        name: string,
        input: I,
        output: O,
        init: MessageInitShape<I>,
    ): ClientReadableStream<MessageShape<O>> {
        const request = create(input, { ...this.context, ...init } as MessageInitShape<I>);
        return this.#client.makeServerStreamRequest(
            SERVICE + name,
            writerOf(input),
            readerOf(output),
            request,
            this.#metadata,
        );
    }

    /** Sends artifacts, message by message; may be repeated, because they are named by their content. */
    async addArtifacts(messages: () => Iterable<ArtifactPayload>): Promise<AddArtifactsResponse> {
        const retries = this.retries();
        for (;;) {
            try {
                return await this.#sendArtifacts(messages());
            } catch (error) {
                if (!isConnectionFailure(error) || !(await retries.pause())) throw await this.explain(error);
            }
        }
    }

    #sendArtifacts(payloads: Iterable<ArtifactPayload>): Promise<AddArtifactsResponse> {
        return new Promise((resolve, reject) => {
            const call = this.#client.makeClientStreamRequest(
                `${SERVICE}AddArtifacts`,
                writerOf(AddArtifactsRequestSchema),
                readerOf(AddArtifactsResponseSchema),
                this.#metadata,
                (error: ServiceError | null, response?: AddArtifactsResponse) =>
                    error !== null || response === undefined ? reject(error) : resolve(response),
            );
            // the call's own answer tells of a failure
            call.on('error', () => {});
            const send = async () => {
                for (const payload of payloads) {
                    const message = create(AddArtifactsRequestSchema, { ...this.context, payload });
                    if (!call.write(message)) await new Promise((resume) => call.once('drain', resume));
                }
                call.end();
            };
            send().catch(reject);
        });
    }

    /** What a failed call means, with the message that the server kept, as it cuts long ones off. */
    async explain(error: unknown): Promise<unknown> {
        if (!isCallFailure(error)) return error;
        const short = shortError(error);
        const errorId = errorIdOf(error);
        if (errorId === undefined) return short;
        try {
            const kept = await this.once(
                'FetchErrorDetails',
                FetchErrorDetailsRequestSchema,
                FetchErrorDetailsResponseSchema,
                { errorId },
            );
            return wholeError(short, kept);
        } catch {
            return short;
        }
    }

    close(): void {
        this.#isClosed = true;
        this.#client.close();
    }
}

function writerOf<I extends DescMessage>(schema: I): (message: MessageShape<I>) => Buffer {
    return (message) => Buffer.from(toBinary(schema, message));
}

function readerOf<O extends DescMessage>(schema: O): (bytes: Buffer) => MessageShape<O> {
    return (bytes) => fromBinary(schema, bytes);
}
