import type { EngineSession, EngineValue, TableColumn } from '../engine/engine.ts';
import { instantText } from '../kernel/period.ts';
import { appendPage, PAGE_ROWS } from '../lake/relation-rows.ts';
import { payloadHeaders } from '../raw/find-payload.ts';
import type { Transaction } from '../store/database.ts';
import { columnsOf, isWanted, type ViewOptions } from './published-relations.ts';

const COLUMNS: readonly TableColumn[] = columnsOf([
    'sequence bigint',
    'feed_id smallint',
    'feed',
    'source_key',
    'received_at timestamp',
    'bytes bigint',
    'sha256',
]);

/**
 * Registers `payloads`, whose rows are the headers of the raw store: they are read where a query names the table, and not where it only asks
 * which tables there are. Throws `raw.segment-damaged`.
 */
export async function registerPayloads(
    tx: Transaction,
    session: EngineSession,
    rawFolder: string,
    options: ViewOptions,
): Promise<void> {
    if (!isWanted(options, 'payloads')) return;
    const { asOf, query, pageRows = PAGE_ROWS } = options;
    await session.registerRows('payloads', COLUMNS, []);
    if (query !== undefined && !/\bpayloads\b/i.test(query)) return;
    let page: EngineValue[][] = [];
    for await (const { feedId, header } of payloadHeaders(tx, rawFolder, asOf)) {
        const { sequence, feed, sourceKey, receivedAt, length, sha256 } = header;
        page.push([sequence, feedId, feed, sourceKey, instantText(receivedAt), length, sha256]);
        if (page.length < pageRows) continue;
        await appendPage(session, 'payloads', COLUMNS, page);
        page = [];
    }
    if (page.length > 0) await appendPage(session, 'payloads', COLUMNS, page);
}
