/**
 * Every error that a user can meet has a stable code in this catalogue, with what to do about it.
 * `docs/errors.md` lists the same codes; a test holds the two equal.
 *
 * A broken assumption is not here: it is an `AssertionError` (see `assert` below) and stops the run.
 */
export const ERROR_CATALOGUE = {
    'decimal.invalid': 'Write digits with a point before the decimals, such as -12.34, and nothing else.',
    'time.zone-unknown':
        'Name a zone of the IANA database, such as Europe/London, or a fixed offset, such as +01:00.',
    'time.date-invalid': 'Write a date that exists as YYYY-MM-DD.',
    'time.instant-invalid': 'Write an instant in UTC as YYYY-MM-DDThh:mm:ssZ.',
    'time.out-of-range': 'Use dates from 1970 to 2100, for which zone rules are known.',
    'usage.invalid': 'Run the command with --help to see what it takes.',
    'home.missing': 'Make a home with `gridtally init`, or name one with --home or GRIDTALLY_HOME.',
    'home.exists': 'Choose another folder, or use the home that is there.',
    'home.half-restored':
        'Run the same `gridtally restore` again: it goes on; or remove the folder and restore anew.',
    'home.config-invalid':
        'Correct gridtally.yaml, or the file of load shapes that it names, at the place named, then run the command again.',
    'database.unreachable': 'Check that the database runs and that its address and password are right.',
    'database.full':
        'Let fewer gridtally processes run at once, or raise max_connections of the server: each takes some twenty.',
    'database.start-failed': 'Read the server log named above, then run the command again.',
    'database.commit-unknown':
        'Run the command again: commands may be repeated, and go on from what did take effect.',
    'database.other-machine':
        'Set database.url in gridtally.yaml to a PostgreSQL that every machine of this home reaches.',
    'database.other-home': 'Give this home a schema of its own with database.schema in gridtally.yaml.',
    'home.clock-skew':
        'Set the clock of this machine, or that of the database server, by a time service such as NTP, then run the command again.',
    'home.disk-full':
        'Make room on the disk of the file named, or raise the limit of the size of files, then run the command again: nothing that was acknowledged is lost, and what was not ended is done again.',
    'home.setting-fixed':
        'Put the setting back; to change it, make a new home and ingest the readings again.',
    'database.too-old': 'Use PostgreSQL 15 or newer.',
    'yaml.invalid': 'Correct the document at the lines named.',
    'feed.contract-invalid':
        'Correct the contract at the lines named; docs/feeds.md lists what a contract may say.',
    'feed.unknown':
        'List the feeds with `gridtally feed list`, or put a contract into the folder `feeds` of the home.',
    'feed.sample-unreadable':
        'Give a sample that is CSV or TSV with a header, or NDJSON, in UTF-8, as it is or in gzip or zstd.',
    'feed.sample-unclear':
        'Have the file written, or convert it, so that it has what is named; where it has that and it was not recognised, write the contract by hand: docs/feeds.md lists what it may say.',
    'lake.files-gone':
        'Run the command again: it lost its connection to the database while a sweep ran, and nothing was published.',
    'lake.overtaken':
        'Run the command again: its lock was lost with the connection to the database, another process did the same work, and nothing was published twice.',
    'lake.open-table-foreign':
        'Run `gridtally open-tables --rebuild`: it makes the log anew from the catalogue. Let no other program write into the folder.',
    'raw.source-key-invalid': 'Give the delivery a shorter name of printable characters.',
    'raw.catalogue-behind': 'Run `gridtally verify raw --rebuild`: the database is older than the raw store.',
    'raw.segment-damaged':
        'Run `gridtally verify raw` to see what is damaged, and restore the file from a backup.',
    'raw.compression-damaged':
        'Ask the sender for the file again: the compressed stream is cut off or was changed on its way.',
    'database.upgrade-refused':
        'Correct what is named with the gridtally that the home was last used with, then run this version again; the home is as it was.',
    'database.newer': 'This home was upgraded by a newer gridtally: use that version or a newer one.',
    'registry.load-refused': 'Correct the lines named, then load the file again; nothing of it was loaded.',
    'billing.bill-unknown': 'List the bills with `gridtally bill list`.',
    'engine.unsupported': 'Run this on an engine that has it, or give the engine its own text.',
    'engine.address-invalid': 'Write the address as sc://host:port/;token=...;use_ssl=true.',
    'engine.unreachable':
        'Check that the Spark server runs and that `engine` in gridtally.yaml has its address, then run the command again.',
    'engine.refused': 'Put a valid token into `engine` in gridtally.yaml.',
    'engine.too-old': 'Use a Spark server of version 4.0 or newer.',
    'engine.lost':
        'Run the command again when the server is back: nothing was published, and the work is done anew.',
    'engine.lake-unreachable':
        'Let the Spark server see the folder of the lake under the same path, with the rights to read it and to write into it.',
    'engine.files-missing':
        'Mount the folder of the lake so that this machine sees what the Spark server writes within a minute (docs/engines.md), then run the command again: nothing was published.',
    'engine.rows-differ':
        'Run the command again: nothing was published. If it fails alike, look whether another program removes files of the lake, and report the message.',
    'engine.disk-full':
        'Make room on the disk named: that of the lake, or the one on which the Spark server keeps what passes between its stages (`spark.local.dir`), then run the command again.',
    'engine.interrupted': 'Run the command again: nothing was published.',
    'engine.failed':
        'Run the command again; if it fails alike, report the message with the versions of gridtally and of the engine or server.',
    'edit.refused': 'Correct what is named, then make the edit again; nothing of it was received.',
    'edit.unknown': 'List the edits with `gridtally edit list`.',
    'trace.meter-unknown':
        'Name a meter or metering point as its feed or its registration does; `gridtally sql "select * from channels"` lists those registered.',
    'trace.nothing-there':
        'Name a time from which readings were expected or received; `gridtally history` shows all that was received.',
    'trace.stale': 'Run `gridtally refresh`, then trace again.',
    'trace.does-not-add-up':
        'Draft again with `gridtally bill` where a draft is older than its readings or prices; else report this: a published number has no explanation.',
    'trace.file-unknown':
        'Name a receipt (such as r12), the file itself by its path, or the name under which it was received.',
    'backup.folder-foreign':
        'Name a folder that is new or empty, or that holds backups of this home, and lies outside of it.',
    'backup.folder-in-use': 'Wait until the other one has ended, then run the command again.',
    'backup.source-damaged':
        'Run `gridtally verify` to see what is damaged; earlier snapshots are whole, and nothing was added.',
    'backup.damaged':
        'Run `gridtally backup verify` to see what else is damaged, and use a snapshot that is whole.',
    'backup.newer': 'Use the gridtally that made this backup, or a newer one.',
    'backup.snapshot-unknown': 'List the snapshots with `gridtally backup list`.',
    'restore.other-snapshot':
        'Go on without --snapshot, or remove the folder and restore the other snapshot into it.',
    'restore.database-used':
        'Give the new home a schema of its own with --database-schema, another database with --database-url, or its own server with --embedded.',
    'restore.lake-used': 'Name a folder that is new or empty with --lake.',
    'sql.failed': 'Correct the query; `gridtally sql "show tables"` lists the views.',
    'sql.refused':
        'Give one query (select, with, from, values, table, describe, show, summarize or explain) on the views that `gridtally sql "show tables"` lists.',
} as const;

export type ErrorCode = keyof typeof ERROR_CATALOGUE;

/** One fault of an input, as precise as it can be said; lines count from 1. */
export interface InputFault {
    readonly file?: string;
    readonly line?: number;
    readonly field?: string;
    readonly message: string;
}

/** A request or an input that gridtally refuses: what is wrong, where, and what to do. */
export class GridtallyError extends Error {
    readonly code: ErrorCode;
    readonly remedy: string;
    readonly faults: readonly InputFault[];

    /** @param options.remedy replaces the catalogue's advice where the case at hand allows better advice. */
    constructor(
        code: ErrorCode,
        message: string,
        options: { remedy?: string; faults?: readonly InputFault[]; cause?: unknown } = {},
    ) {
        super(message, options.cause === undefined ? undefined : { cause: options.cause });
        this.name = 'GridtallyError';
        this.code = code;
        this.remedy = options.remedy ?? ERROR_CATALOGUE[code];
        this.faults = options.faults ?? [];
    }
}

/** States what must hold; throws when it does not, because going on would publish a wrong number. */
export function assert(condition: unknown, what: string): asserts condition {
    if (!condition) throw new AssertionError(what);
}

export class AssertionError extends Error {
    constructor(what: string) {
        super(`broken assumption: ${what}`);
        this.name = 'AssertionError';
    }
}
