import type { FileRule } from '../contracts/ingest-rules.ts';
import { GridtallyError } from '../kernel/errors.ts';

/** Why a whole payload is set aside. Lines count from 1 in the decompressed text. */
export interface PayloadRefusal {
    readonly ruleId: FileRule;
    readonly message: string;
    readonly line?: number;
    readonly field?: string;
}

/** What a payload that breaks no file rule looks like. */
export interface PayloadShape {
    /** Names as the header gives them, blanks around them cut off; for NDJSON none. */
    readonly headerColumns: readonly string[];
    /** Line of the header: 1 unless blank lines stand before it; 0 for NDJSON. */
    readonly headerLine: number;
    readonly hasBom: boolean;
    readonly hasCrlf: boolean;
    /** A carriage return stands within a line; DuckDB's own reader would take it for a line end. */
    readonly hasLoneCr: boolean;
    readonly endsWithNewline: boolean;
    /** Bytes of the decompressed text, with its byte order mark. */
    readonly bytes: number;
    /** Lines that are neither blank nor the header. */
    readonly records: number;
    /** Lines of nothing but blanks and tabs. */
    readonly blankLines: number;
}

export type PayloadVerdict =
    | { readonly ok: true; readonly shape: PayloadShape }
    | { readonly ok: false; readonly refused: PayloadRefusal };

/** A damaged compressed stream is the payload's fault; any other failure to read it is ours and is thrown on. */
export function refusalOfStreamError(error: unknown): PayloadRefusal {
    if (error instanceof GridtallyError && error.code === 'raw.compression-damaged') {
        return { ruleId: 'file.compression-damaged', message: `${error.message} ${error.remedy}` };
    }
    throw error;
}
