import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { type handleUnaryCall, Server, ServerCredentials, status } from '@grpc/grpc-js';
import {
    AnalyzePlanRequestSchema,
    AnalyzePlanResponseSchema,
    ConfigRequestSchema,
    ConfigResponseSchema,
    ReleaseSessionRequestSchema,
    ReleaseSessionResponseSchema,
} from '../../src/engine/spark-connect/protocol/spark/connect/base_pb.ts';

/** A server that speaks Spark Connect as far as opening a session goes, and answers as some other version would. */
export interface AnsweringServer {
    readonly port: number;
    /** Sessions that were asked for, and those of them that were released. */
    readonly opened: string[];
    readonly released: string[];
    end(): void;
}

export async function startAnsweringServer(options: {
    readonly version: string;
    /** Settings are refused with this. */
    readonly settingsFault?: string;
}): Promise<AnsweringServer> {
    const opened: string[] = [];
    const released: string[] = [];
    const server = new Server();
    answer(server, 'AnalyzePlan', AnalyzePlanRequestSchema, AnalyzePlanResponseSchema, (sessionId) => {
        opened.push(sessionId);
        return {
            sessionId,
            serverSideSessionId: `server-${sessionId}`,
            result: { case: 'sparkVersion' as const, value: { version: options.version } },
        };
    });
    answer(server, 'Config', ConfigRequestSchema, ConfigResponseSchema, (sessionId) => {
        if (options.settingsFault !== undefined) throw new Error(options.settingsFault);
        return { sessionId, pairs: [] };
    });
    answer(
        server,
        'ReleaseSession',
        ReleaseSessionRequestSchema,
        ReleaseSessionResponseSchema,
        (sessionId) => {
            released.push(sessionId);
            return { sessionId };
        },
    );
    const port = await new Promise<number>((resolve, reject) =>
        server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
            error === null ? resolve(bound) : reject(error),
        ),
    );
    return { port, opened, released, end: () => server.forceShutdown() };
}

function answer<I extends DescMessage, O extends DescMessage>(
    server: Server,
    name: string,
    input: I,
    output: O,
    work: (sessionId: string) => MessageInitShape<O>,
): void {
    const handle: handleUnaryCall<unknown, unknown> = (call, done) => {
        try {
            const { sessionId } = call.request as { sessionId: string };
            done(null, create(output, work(sessionId)));
        } catch (error) {
            done({ code: status.INTERNAL, details: (error as Error).message });
        }
    };
    server.addService(
        {
            [name]: {
                path: `/spark.connect.SparkConnectService/${name}`,
                requestStream: false,
                responseStream: false,
                requestDeserialize: (bytes: Buffer) => fromBinary(input, bytes),
                requestSerialize: () => Buffer.of(),
                responseDeserialize: () => ({}),
                responseSerialize: (message: unknown) =>
                    Buffer.from(toBinary(output, message as Parameters<typeof toBinary<O>>[1])),
            },
        },
        { [name]: handle },
    );
}
