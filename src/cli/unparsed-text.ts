import { counted } from '../kernel/counted.ts';
import type { UnparsedFeed } from '../pipeline/refused-feeds.ts';

/** What is received and in no reading yet; no line where all is parsed. */
export function unparsedText(unparsed: readonly UnparsedFeed[]): string[] {
    return unparsed.map(
        ({ feed, payloads }) =>
            `warning: ${counted(payloads, 'payload')} of feed ${feed} ${payloads === 1 ? 'is' : 'are'} received and not parsed, and ${payloads === 1 ? 'its' : 'their'} rows may be lacking here: \`gridtally work\` parses what no other process is parsing, waits for those that are, and refreshes`,
    );
}
