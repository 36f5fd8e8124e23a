import type { RegularPayload } from './delivery-schedule.ts';
import type { TownChannel } from './homes.ts';
import { PayloadLines } from './payload-lines.ts';
import type { TownDay } from './town-calendar.ts';
import type { Delivery } from './town-options.ts';

const HOUR_MS = 3_600_000;
/** Days of a bulk file. */
export const BULK_DAYS = 28;

/** The local days whose readings one regular delivery takes; its files are due on the last of them. */
export function deliveryBlocks(days: readonly TownDay[], delivery: Delivery): TownDay[][] {
    const length = delivery === 'bulk' ? BULK_DAYS : 1;
    const blocks: TownDay[][] = [];
    for (let first = 0; first < days.length; first += length) blocks.push(days.slice(first, first + length));
    return blocks;
}

/** The regular files of one delivery block while they are being filled. */
export class RegularPayloads {
    readonly #delivery: Delivery;
    readonly #name: string;
    readonly #files = new Map<string, { hour: number; payload: RegularPayload }>();

    constructor(delivery: Delivery, block: readonly TownDay[]) {
        this.#delivery = delivery;
        this.#name = `${delivery === 'bulk' ? 'bulk' : 'day'}-${block[0]?.date ?? ''}`;
    }

    fileOf(channel: TownChannel, day: TownDay, at: number): PayloadLines {
        const isOfNewMeters = channel.home.isLate;
        if (this.#delivery === 'per-day' || this.#delivery === 'bulk') {
            const name = isOfNewMeters ? `new-meters-${this.#name}` : this.#name;
            return this.#file(name, 0, isOfNewMeters);
        }
        const hour = Math.floor((at - day.from) / HOUR_MS);
        const from = new Date(day.from + hour * HOUR_MS).toISOString().slice(0, 16).replace(':', '');
        const source = isOfNewMeters ? 'new-meters' : 'hour';
        const name = `${this.#delivery === 'per-hour' ? source : channel.meterId}-${from}Z`;
        return this.#file(name, hour, isOfNewMeters);
    }

    /** All files, those of earlier hours first. */
    list(): RegularPayload[] {
        const files = [...this.#files.values()];
        return files.sort((a, b) => a.hour - b.hour).map(({ payload }) => payload);
    }

    #file(name: string, hour: number, isOfNewMeters: boolean): PayloadLines {
        const known = this.#files.get(name);
        if (known !== undefined) return known.payload.lines;
        const lines = new PayloadLines();
        this.#files.set(name, { hour, payload: { name, lines, isOfNewMeters } });
        return lines;
    }
}
