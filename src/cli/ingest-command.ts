import type { Command } from 'commander';
import { EDIT_FEED, isEditFeed } from '../contracts/edit-feed.ts';
import type { FeedContract } from '../contracts/feed-contract.ts';
import { count, counted } from '../kernel/counted.ts';
import { GridtallyError } from '../kernel/errors.ts';
import { type DistantReadings, distantReadings } from '../lake/distant-readings.ts';
import type { RefreshResult } from '../lake/refresh.ts';
import { contractOf, homeContracts } from '../parsers/feed-catalogue.ts';
import { type IngestResult, ingest, refreshAll } from '../pipeline/chain.ts';
import { type RefusedFeed, refusedFeeds, unparsedFeeds } from '../pipeline/refused-feeds.ts';
import type { IncomingPayload } from '../raw/receive.ts';
import { type CommonOptions, command, withWorkspace } from './command-context.ts';
import { distantText } from './distant-text.ts';
import { incomingFiles } from './incoming-files.ts';
import { wrapped } from './output.ts';
import { refreshText } from './refresh-text.ts';
import { QUARANTINE_QUERY, refusalLine, refusalText, sampleLine, WAITING_QUERY } from './refusal-text.ts';
import { refusedFeedDocuments, refusedFeedText } from './refused-feed-text.ts';
import { unparsedText } from './unparsed-text.ts';
import { unusedText } from './unused-text.ts';

interface IngestOptions extends CommonOptions {
    readonly feed: string;
    readonly refresh?: boolean;
    readonly strict?: boolean;
    readonly key?: string;
}

/** What an ingest did, as its text and its exit status tell it. */
interface IngestReport extends IngestResult {
    readonly feed: string;
    readonly refused: readonly RefusedFeed[];
    readonly refreshed: RefreshResult | undefined;
    readonly distant: readonly DistantReadings[];
}

export function addIngestCommand(program: Command): void {
    command(program, 'ingest <path...>', 'receive files and parse them by their feed')
        .requiredOption('--feed <name>', 'feed whose contract the files follow')
        .option('--refresh', 'then rebuild what is stale')
        .option('--key <text>', 'what the sender names this delivery by, where the feed wants it so')
        .option('--strict', 'exit with 1 where a row is quarantined')
        .action(ingestCommand);
}

async function ingestCommand(paths: string[], options: IngestOptions): Promise<void> {
    if (isEditFeed(options.feed)) {
        const how = options.feed === EDIT_FEED ? 'edit' : 'register-read';
        throw new GridtallyError(
            'usage.invalid',
            `edits are not ingested; make them with \`gridtally ${how}\``,
        );
    }
    await withWorkspace(options, async (workspace, output) => {
        const { contract } = contractOf(options.feed, homeContracts(workspace.home.folder));
        const incoming = incomingFiles(paths);
        for (const home of incoming.skippedHomes)
            output.notice(
                `left out: ${home} is a home or holds backups of one, and what it keeps is no delivery`,
            );
        const files = deliveries(incoming.files, contract, options.key);
        const result = await ingest(workspace, options.feed, files, ({ stage, done }) =>
            output.progress(`${stage}: ${counted(done, 'payload')}`),
        );
        const refused = await refusedFeeds(workspace);
        const unparsed = await unparsedFeeds(workspace, refused);
        const refreshed = options.refresh
            ? await refreshAll(workspace, (progress) => output.progress(`refresh: ${refreshText(progress)}`))
            : undefined;
        const distant = result.parsed.versions > 0 ? await distantReadings(workspace.lake) : [];
        const report = { ...result, feed: options.feed, refused, refreshed, distant };
        output.result(
            {
                ...result,
                refusedFeeds: refusedFeedDocuments(refused),
                skippedHomes: incoming.skippedHomes,
                distantReadings: distant,
                unparsed,
                ...(refreshed === undefined ? {} : { refreshed }),
            },
            ingestText(report),
        );
        for (const line of unparsedText(unparsed)) output.notice(line);
        if (isIncomplete(report) || (options.strict && result.parsed.quarantined > 0)) process.exitCode = 1;
    });
}

/** The files under the names by which the feed tells its deliveries apart. */
function deliveries(
    files: readonly IncomingPayload[],
    { feed, delivery }: FeedContract,
    key: string | undefined,
): readonly IncomingPayload[] {
    if (delivery.sourceKey === 'fileName') {
        if (key === undefined) return files;
        throw new GridtallyError(
            'usage.invalid',
            `the feed ${feed} names its deliveries by their files (sourceKey: fileName), so --key says nothing`,
        );
    }
    if (key === undefined || files.length !== 1)
        throw new GridtallyError(
            'usage.invalid',
            `the feed ${feed} names each delivery by a key of its sender (sourceKey: idempotencyKey): give one file and its --key`,
        );
    return files.map((file) => ({ ...file, sourceKey: key }));
}

/** Whether some file gave no row at all: it was refused, now or when it came first, or cannot be parsed. */
function isIncomplete({ parsed, refusedBefore, refused }: IngestReport): boolean {
    return (
        parsed.refused + refusedBefore.length > 0 ||
        refused.some(({ payloadsUnparsed }) => payloadsUnparsed > 0)
    );
}

function ingestText(report: IngestReport): string[] {
    const { received, parsed, refusedBefore, quarantinedFirst: samples, feed, refused, refreshed } = report;
    const rules = Object.entries(parsed.quarantinedByRule)
        .sort()
        .flatMap(([rule, n]) => [
            `  ${rule}: ${count(n)}`,
            ...samples
                .filter(({ ruleId }) => ruleId === rule)
                .flatMap((s) => wrapped(`    ${sampleLine(s)}`)),
        ]);
    const hasRefusals = parsed.refused + refusedBefore.length > 0;
    return [
        `received ${counted(received.payloads, 'payload')}, of which ${count(received.repeats)} had been received before`,
        `parsed ${counted(parsed.payloads, 'payload')}: ${counted(parsed.records, 'row')} = ${count(parsed.versions)} accepted + ${count(parsed.quarantined)} quarantined + ${count(parsed.waiting)} waiting`,
        ...rules,
        ...(parsed.rounded > 0
            ? [`${counted(parsed.rounded, 'value')} with more than six decimals, rounded half-even`]
            : []),
        ...unusedText(parsed.unused),
        ...refusalText(`${counted(parsed.refused, 'file')} refused:`, parsed.refusals, parsed.refused),
        ...refusalText(
            `${counted(refusedBefore.length, 'file')} refused when received before:`,
            refusedBefore,
            refusedBefore.length,
        ),
        ...parsed.flags.flatMap((r) => wrapped(`odd: ${refusalLine(r)}`)),
        ...refusedFeedText(refused),
        ...distantText(report.distant),
        ...(hasRefusals
            ? [
                  `next: gridtally feed check FILE --feed ${feed} (what is wrong), then ingest the corrected file`,
              ]
            : []),
        ...(refusedBefore.length > 0
            ? [
                  `next: gridtally replay --feed ${feed} (where the contract was mended since: brings in what an older one refused)`,
              ]
            : []),
        ...(parsed.quarantined > 0 ? [`next: gridtally sql "${QUARANTINE_QUERY}"`] : []),
        ...(parsed.waiting > 0
            ? [
                  `next: gridtally sql "${WAITING_QUERY}"`,
                  `next: gridtally load metering-points FILE (rows wait until their meter is registered for their time, and no longer then), or mend \`identifies\` in the contract of ${feed}, if it says meters and the file names metering points, or the other way round`,
              ]
            : []),
        ...(refreshed
            ? [
                  `refreshed: ${counted(refreshed.rebuilt, 'partition')} rebuilt, ${count(refreshed.merged)} merged`,
              ]
            : []),
        ...(refreshed === undefined && parsed.versions > 0
            ? ['next: gridtally refresh (which also counts duplicates and superseded versions)']
            : []),
    ];
}
