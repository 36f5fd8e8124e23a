import { type ErrorCode, GridtallyError } from '../../kernel/errors.ts';
import { addressText, type SparkAddress } from '../spark-connect/address.ts';
import { SparkError } from '../spark-connect/spark-error.ts';

/** What a failed call was for; named in the message. */
export interface SparkDeed {
    readonly address?: SparkAddress;
    /** Such as `compute version_outcomes`. */
    readonly deed?: string;
}

/** A server's error as one of the catalogue; what is none of the server's stays as it is. */
export function explainSparkError(error: unknown, { address, deed }: SparkDeed): unknown {
    if (!(error instanceof SparkError)) return error;
    const code = codeOf(error);
    const server = address === undefined ? 'the Spark server' : addressText(address);
    const place = error.positions[0]?.fragment;
    const message = [
        `${server} ${VERDICTS[code] ?? 'failed'}${deed === undefined ? '' : ` to ${deed}`}: ${firstLine(error)}`,
        ...(error.errorClass === undefined
            ? []
            : [`error class ${error.errorClass}, SQLSTATE ${error.sqlState}`]),
        ...(place === undefined ? [] : [`at: ${place}`]),
    ].join('\n');
    return new GridtallyError(code, message, { cause: error });
}

const VERDICTS: Partial<Record<ErrorCode, string>> = {
    'engine.unreachable': 'cannot be reached',
    'engine.refused': 'refuses to work for us',
    'engine.lost': 'was lost while it was asked',
    'engine.interrupted': 'was told to stop when asked',
};

const FILE_CLASSES = /^(PATH_NOT_FOUND|FAILED_READ_FILE|TASK_WRITE_FAILED|CANNOT_LOAD_STATE_STORE)/;
const NO_ACCESS =
    /Mkdirs failed|Permission denied|FileNotFoundException|Read-only file system|AccessControlException/;

function codeOf(error: SparkError): ErrorCode {
    if (error.status === 'UNAUTHENTICATED' || error.status === 'PERMISSION_DENIED') return 'engine.refused';
    if (error.isSessionLost) return 'engine.lost';
    if (error.isInterrupted) return 'engine.interrupted';
    if (error.status === 'UNAVAILABLE' || error.status === 'DEADLINE_EXCEEDED') return 'engine.unreachable';
    if (/No space left on device/.test(error.message)) return 'engine.disk-full';
    if (FILE_CLASSES.test(error.errorClass ?? '') || NO_ACCESS.test(error.message))
        return 'engine.lake-unreachable';
    return 'engine.failed';
}

/** Stack traces of the server are for its log. */
function firstLine(error: SparkError): string {
    return error.message.trim().split('\n')[0]?.trim() ?? '';
}
