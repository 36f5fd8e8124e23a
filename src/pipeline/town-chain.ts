import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { IncomingPayload } from '../raw/receive.ts';
import type { MasterDataKind } from '../registry/master-data-kind.ts';
import { type Chain, type IngestResult, ingest, load } from './chain.ts';

/** Order in which a town's master data depend on each other. */
const LOAD_ORDER: readonly { readonly kind: MasterDataKind; readonly file: string }[] = [
    { kind: 'customers', file: 'customers.csv' },
    { kind: 'accounts', file: 'accounts.csv' },
    { kind: 'metering-points', file: 'metering-points.csv' },
    { kind: 'attributes', file: 'attributes.csv' },
    { kind: 'holidays', file: 'holidays.csv' },
    { kind: 'calendars', file: 'calendars.yaml' },
    { kind: 'tariffs', file: 'tariffs.yaml' },
    { kind: 'agreements', file: 'agreements.csv' },
];

export interface LoadedFile {
    readonly kind: MasterDataKind;
    readonly rows: number;
    readonly released: number;
}

/** Loads those of a town's master data files that the folder has. */
export async function loadTownMaster(
    chain: Chain,
    folder: string,
    onFile: (file: LoadedFile) => void = () => {},
): Promise<LoadedFile[]> {
    const loaded: LoadedFile[] = [];
    for (const { kind, file } of LOAD_ORDER) {
        const source = path.join(folder, file);
        if (!existsSync(source)) continue;
        const result = await load(chain, { kind, file: source });
        const entry = { kind, rows: result.rows, released: result.released };
        loaded.push(entry);
        onFile(entry);
    }
    return loaded;
}

/** A shipped contract under another name, of a feed that brings what is past, by which a meter that nobody registered waits for a load unless told otherwise. */
export function townContract(
    shipped: string,
    feedName: string,
    unknownMeter: 'wait' | 'register' = 'wait',
): string {
    const named = shipped
        .replace(/^(id: gridtally-feed-|name: ).*$/gm, `$1${feedName}`)
        .replace(/(property: unknownMeter\n\s+value: )register/, `$1${unknownMeter}`);
    if (/property: backfill\n/.test(named)) return named;
    return named.replace(/\n*$/, '\n      - property: backfill\n        value: true\n');
}

interface Delivery {
    readonly path: string;
    readonly feed: string;
}

/** Ingests a town's deliveries in their order: each run of one feed at a time. */
export async function ingestTown(
    chain: Chain,
    townFolder: string,
    feedName: string,
    onProgress: (line: string) => void = () => {},
): Promise<IngestResult> {
    const list = readFileSync(path.join(townFolder, 'deliveries.ndjson'), 'utf8').trim().split('\n');
    const deliveries = list.map((line) => JSON.parse(line) as Delivery);
    const payloads = deliveries.map(
        (d): IncomingPayload => ({ sourceKey: path.basename(d.path), path: path.join(townFolder, d.path) }),
    );
    return ingest(chain, feedName, payloads, ({ stage, done }) =>
        onProgress(`${stage}: ${done} of ${payloads.length} files`),
    );
}
