import { instantText } from '../../src/kernel/period.ts';
import type { ChainWorld } from './chain-world.ts';

/** A read of a meter's cumulative register. */
export interface RegisterRead {
    readonly meter: string;
    readonly at: number;
    readonly kwh: string;
    readonly quality?: 'A' | 'E' | 'W';
    readonly version?: number;
}

let fileNo = 0;

/** By the shipped feed of registers, which stamps its versions. */
export async function ingestReads(world: ChainWorld, reads: readonly RegisterRead[]): Promise<void> {
    if (reads.length === 0) return;
    fileNo += 1;
    const lines = reads.map(({ meter, at, kwh, quality = 'A', version = 1 }) =>
        [meter, '1', instantText(at), quality === 'W' ? '' : kwh, 'kWh', quality, version].join(','),
    );
    await world.ingest('generic-register-csv', {
        [`reads-${fileNo}.csv`]: `meter_id,register,read_at,value,unit,quality,version\n${lines.join('\n')}\n`,
    });
}
