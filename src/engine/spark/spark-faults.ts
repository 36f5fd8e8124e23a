import { type ErrorCode, GridtallyError } from '../../kernel/errors.ts';
import { addressText, type SparkAddress } from '../spark-connect/address.ts';
import { SparkError } from '../spark-connect/spark-error.ts';

/** What a failed call was for; named in the message. */
export interface SparkDeed {
    readonly address?: SparkAddress;
    /** Such as `compute version_outcomes`. */
    readonly deed?: string;
    /** Folders of the lake that the session reads and writes: what is wrong with a file there is no fault of the server's own disk. */
    readonly lakeFolders?: Iterable<string>;
}

/** A server's error as one of the catalogue; what is none of the server's stays as it is. */
export function explainSparkError(error: unknown, { address, deed, lakeFolders = [] }: SparkDeed): unknown {
    if (!(error instanceof SparkError)) return error;
    const server = address === undefined ? 'the Spark server' : addressText(address);
    const wanted = deed === undefined ? '' : ` to ${deed}`;
    if (isAnsweredByAnother(error))
        return new GridtallyError(
            'engine.unreachable',
            `${server} answers, and is no Spark Connect server: ${firstLine(error.message)}`,
            { remedy: ANOTHER, cause: error },
        );
    const { code, because } = verdictOf(error, [...lakeFolders]);
    const place = error.positions[0]?.fragment;
    const message = [
        `${server} ${VERDICTS[code] ?? 'failed'}${wanted}: ${firstLine(error.message)}`,
        ...(because === undefined ? [] : [because]),
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

/** What a web server, a page for logging in or a gateway without this service answers, and no Spark does. */
function isAnsweredByAnother({ status, message, errorClass }: SparkError): boolean {
    if (errorClass !== undefined) return false;
    return status === 'UNIMPLEMENTED' || NO_GRPC.test(message);
}

/** The first bytes of a page, read as the length of a message, make one of gigabytes. */
const NO_GRPC = /Received HTTP status code|^Received message larger than max \(\d{10} vs/;
const ANOTHER =
    'Check address and port of `engine` in gridtally.yaml, and its token: Spark Connect listens on 15002 unless told otherwise, and a gateway sends those to a login page whose token it does not take.';

/** Files that are asked for by their paths: the lake's. */
const FILE_CLASSES = /^(PATH_NOT_FOUND|FAILED_READ_FILE)/;
const NO_ACCESS =
    /Mkdirs failed|Permission denied|No such file or directory|FileNotFoundException|does not exist|Read-only file system|AccessControlException/;
const FULL = /No space left on device|Disk quota exceeded/;

interface Verdict {
    readonly code: ErrorCode;
    /** The line that says so, where it is not the first of the message. */
    readonly because?: string;
}

function verdictOf(error: SparkError, lakeFolders: readonly string[]): Verdict {
    if (error.status === 'UNAUTHENTICATED' || error.status === 'PERMISSION_DENIED')
        return { code: 'engine.refused' };
    if (error.isSessionLost) return { code: 'engine.lost' };
    if (error.isInterrupted) return { code: 'engine.interrupted' };
    if (error.status === 'UNAVAILABLE' || error.status === 'DEADLINE_EXCEEDED')
        return { code: 'engine.unreachable' };
    const first = firstLine(error.message);
    const lines = [error.message, ...error.causes].flatMap((text) => text.split('\n'));
    const found = (code: ErrorCode, line: string): Verdict =>
        line.trim() === first ? { code } : { code, because: line.trim() };
    const full = lines.find((line) => FULL.test(line));
    if (full !== undefined) return found('engine.disk-full', full);
    if (FILE_CLASSES.test(error.errorClass ?? '')) return { code: 'engine.lake-unreachable' };
    const ofLake = lines.find(
        (line) => NO_ACCESS.test(line) && lakeFolders.some((folder) => line.includes(folder)),
    );
    return ofLake === undefined ? { code: 'engine.failed' } : found('engine.lake-unreachable', ofLake);
}

/** Stack traces of the server are for its log. */
function firstLine(message: string): string {
    return message.trim().split('\n')[0]?.trim() ?? '';
}

/** Of an error as it is told: SQLSTATE class 22 is that of data. */
export function isValueFailure(error: unknown): boolean {
    return (
        error instanceof GridtallyError &&
        error.cause instanceof SparkError &&
        /^22/.test(error.cause.sqlState ?? '')
    );
}
