import { fromBinary } from '@bufbuild/protobuf';
import { status } from '@grpc/grpc-js';
import { ErrorInfoSchema, StatusSchema } from './protocol/google/rpc/status_pb.ts';
import type {
    FetchErrorDetailsResponse,
    FetchErrorDetailsResponse_Error,
} from './protocol/spark/connect/base_pb.ts';

/** A part of a query that an error is about; characters count from 0 and both ends belong. */
export interface QueryPosition {
    readonly start: number;
    readonly stop: number;
    readonly fragment: string;
    readonly objectType: string;
    readonly objectName: string;
}

export interface SparkErrorDetails {
    /** Name of the gRPC status, such as `UNAVAILABLE`. A failed query has always `INTERNAL`: look at the class. */
    readonly status: string;
    /** Such as `DIVIDE_BY_ZERO` or `UNRESOLVED_COLUMN.WITH_SUGGESTION`. */
    readonly errorClass?: string;
    readonly sqlState?: string;
    readonly parameters?: Readonly<Record<string, string>>;
    readonly positions?: readonly QueryPosition[];
    /** The server's exception, outermost class first. */
    readonly exceptionClasses?: readonly string[];
    /** What the exception was caused by, as it says itself; the nearest first. */
    readonly causes?: readonly string[];
}

/** What a server answered instead of a result, or that it could not be reached (`UNAVAILABLE`). */
export class SparkError extends Error {
    readonly status: string;
    readonly errorClass: string | undefined;
    readonly sqlState: string | undefined;
    readonly parameters: Readonly<Record<string, string>>;
    readonly positions: readonly QueryPosition[];
    readonly exceptionClasses: readonly string[];
    /** Messages of what caused it on the server, the nearest first. */
    readonly causes: readonly string[];

    constructor(message: string, details: SparkErrorDetails, cause?: unknown) {
        super(message, cause === undefined ? undefined : { cause });
        this.name = 'SparkError';
        this.status = details.status;
        this.errorClass = details.errorClass;
        this.sqlState = details.sqlState;
        this.parameters = details.parameters ?? {};
        this.positions = details.positions ?? [];
        this.exceptionClasses = details.exceptionClasses ?? [];
        this.causes = details.causes ?? [];
    }

    /** The server forgot the session (it was restarted, or closed it), and with it views and what was computed for them. */
    get isSessionLost(): boolean {
        return (
            LOST_SESSION.has(this.errorClass ?? '') || [...LOST_SESSION].some((c) => this.message.includes(c))
        );
    }

    get isInterrupted(): boolean {
        return this.errorClass === 'OPERATION_CANCELED' || this.status === 'CANCELLED';
    }
}

const LOST_SESSION: ReadonlySet<string> = new Set([
    'INVALID_HANDLE.SESSION_NOT_FOUND',
    'INVALID_HANDLE.SESSION_CLOSED',
    'INVALID_HANDLE.SESSION_CHANGED',
]);

/** What gRPC throws, as far as it is used here. */
export interface CallFailure {
    readonly code: number;
    readonly details: string;
    readonly metadata?: { get(key: string): readonly (string | Buffer)[] };
}

export function isCallFailure(error: unknown): error is CallFailure {
    return error instanceof Error && 'code' in error && 'details' in error;
}

export function statusName(code: number): string {
    return status[code] ?? `status ${code}`;
}

/** The key under which the server keeps the whole error for a while, if it sent one. */
export function errorIdOf(failure: CallFailure): string | undefined {
    return errorMetadata(failure).errorId;
}

/** The error as far as the failed call itself tells; long messages are cut by the server. */
export function shortError(failure: CallFailure): SparkError {
    const metadata = errorMetadata(failure);
    const { errorClass, sqlState, messageParameters, classes } = metadata;
    return new SparkError(
        failure.details,
        {
            status: statusName(failure.code),
            ...(errorClass === undefined ? {} : { errorClass }),
            ...(sqlState === undefined ? {} : { sqlState }),
            parameters: readJson<Record<string, string>>(messageParameters) ?? {},
            exceptionClasses: readJson<string[]>(classes) ?? [],
        },
        failure,
    );
}

/** The whole error, from what the server kept of it. */
export function wholeError(short: SparkError, kept: FetchErrorDetailsResponse): SparkError {
    const error = kept.errors[kept.rootErrorIdx ?? 0];
    if (error === undefined) return short;
    const { sparkThrowable: thrown } = error;
    const errorClass = thrown?.errorClass ?? short.errorClass;
    const sqlState = thrown?.sqlState ?? short.sqlState;
    return new SparkError(
        error.message,
        {
            status: short.status,
            ...(errorClass === undefined ? {} : { errorClass }),
            ...(sqlState === undefined ? {} : { sqlState }),
            parameters: thrown?.messageParameters ?? short.parameters,
            exceptionClasses: error.errorTypeHierarchy,
            causes: causesOf(error, kept),
            positions: (thrown?.queryContexts ?? []).map((context) => ({
                start: context.startIndex,
                stop: context.stopIndex,
                fragment: context.fragment,
                objectType: context.objectType,
                objectName: context.objectName,
            })),
        },
        short.cause,
    );
}

/** The server names a cause by its place in the list; one that it did not send ends the chain. */
function causesOf(error: FetchErrorDetailsResponse_Error, kept: FetchErrorDetailsResponse): string[] {
    const causes: string[] = [];
    let next = error.causeIdx;
    while (next !== undefined && causes.length < kept.errors.length) {
        const cause = kept.errors[next];
        if (cause === undefined) break;
        causes.push(`${cause.errorTypeHierarchy[0] ?? 'unknown'}: ${cause.message}`);
        next = cause.causeIdx;
    }
    return causes;
}

function errorMetadata(failure: CallFailure): Readonly<Record<string, string>> {
    const raw = failure.metadata?.get('grpc-status-details-bin')[0];
    if (raw === undefined || typeof raw === 'string') return {};
    const detail = fromBinary(StatusSchema, raw).details.find((d) =>
        d.typeUrl.endsWith('google.rpc.ErrorInfo'),
    );
    return detail === undefined ? {} : fromBinary(ErrorInfoSchema, detail.value).metadata;
}

/** Undefined where there is none, or where the server cut it off. */
function readJson<T>(text: string | undefined): T | undefined {
    try {
        return text === undefined ? undefined : JSON.parse(text);
    } catch {
        return undefined;
    }
}
