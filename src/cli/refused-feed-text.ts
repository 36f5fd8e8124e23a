import { counted } from '../kernel/counted.ts';
import type { GridtallyError } from '../kernel/errors.ts';
import type { RefusedFeed } from '../pipeline/refused-feeds.ts';
import { faultText, wrapped } from './output.ts';

/** What is wrong with the contract files of these feeds, and what waits for it; no line where there is none. */
export function refusedFeedText(refused: readonly RefusedFeed[]): string[] {
    return refused.flatMap(({ feed, payloadsUnparsed, error }) => [
        ...wrapped(
            `feed ${feed}: ${error.message}${payloadsUnparsed > 0 ? ` ${counted(payloadsUnparsed, 'payload')} received and not parsed.` : ''}`,
        ),
        ...faultText(error.faults).flatMap(wrapped),
        ...wrapped(`  ${error.remedy}`),
    ]);
}

/** The same for `--json`. */
export function refusedFeedDocuments(refused: readonly RefusedFeed[]): object[] {
    return refused.map(({ feed, payloadsUnparsed, error }) => ({
        feed,
        payloadsUnparsed,
        error: errorDocument(error),
    }));
}

export function errorDocument({ code, message, remedy, faults }: GridtallyError): object {
    return { code, message, remedy, faults };
}
