import { HomeEnergy } from './consumption.ts';
import { DELAYS, type DeliverySchedule } from './delivery-schedule.ts';
import type { TownChannel, TownHome } from './homes.ts';
import { type IntervalRow, IntervalRows, noteOf } from './interval-rows.ts';
import { type LineNote, notesOfRepeat, type PayloadLines } from './payload-lines.ts';
import { type RandomStream, randomStream } from './random-stream.ts';
import { stampText } from './reading-line.ts';
import type { TownDay } from './town-calendar.ts';
import type { TownPlan } from './town-options.ts';
import type { TruthTally } from './truth-tally.ts';
import type { WeatherHour } from './weather.ts';

/** Finds the regular file that takes a reading of a channel at an instant. */
export type RegularFile = (channel: TownChannel, day: TownDay, at: number) => PayloadLines;

interface HomeState {
    readonly home: TownHome;
    readonly energy: HomeEnergy;
    readonly random: RandomStream;
}

/** A line of a regular file that came through, kept to be sent again. */
interface KeptLine {
    readonly line: string;
    readonly note: LineNote | undefined;
    readonly at: number;
}

/** Makes the readings of all homes, day by day. */
export class ChannelDays {
    readonly #plan: TownPlan;
    readonly #schedule: DeliverySchedule;
    readonly #rows: IntervalRows;
    readonly #states: readonly HomeState[];

    constructor(plan: TownPlan, homes: readonly TownHome[], schedule: DeliverySchedule, tally: TruthTally) {
        this.#plan = plan;
        this.#schedule = schedule;
        this.#rows = new IntervalRows(plan, schedule, tally);
        this.#states = homes.map((home) => ({
            home,
            energy: new HomeEnergy(plan.seed, home),
            random: randomStream(plan.seed, 'flaws', home.index),
        }));
    }

    /**
     * Puts the readings of one day into regular files and follow-ups. Days must come in order.
     * @param dueDay day on which the regular files are delivered
     */
    writeDay(day: TownDay, weather: readonly WeatherHour[], dueDay: number, fileOf: RegularFile): void {
        const stamps = new Map<number, readonly string[]>();
        for (const { home, energy, random } of this.#states) {
            const { taken, given } = energy.nextDay(day, weather);
            const known = stamps.get(home.minutes) ?? this.#stampsOf(day, home.minutes);
            stamps.set(home.minutes, known);
            for (const channel of home.channels) {
                if (channel.validFrom >= day.to || channel.validTo <= day.from) continue;
                const wh = channel.flow === 'to_customer' ? taken : given;
                const rows = this.#rowsOf(channel, day, wh, known, dueDay, fileOf);
                if (home.isLate) this.#writeUnregistered(rows);
                else this.#writeChannelDay(random, channel, rows);
            }
            if (home.exchangedAt !== undefined && home.exchangedAt >= day.from && home.exchangedAt < day.to) {
                this.#writeAfterRemoval(home, day, known, dueDay);
            }
        }
    }

    #stampsOf(day: TownDay, minutes: number): string[] {
        const count = (day.to - day.from) / (minutes * 60_000);
        return Array.from({ length: count }, (_, n) =>
            stampText(this.#plan, day.from + n * minutes * 60_000),
        );
    }

    #rowsOf(
        channel: TownChannel,
        day: TownDay,
        wh: Int32Array,
        stamps: readonly string[],
        dueDay: number,
        fileOf: RegularFile,
    ): IntervalRow[] {
        const length = channel.home.minutes * 60_000;
        const first = Math.max(0, (channel.validFrom - day.from) / length);
        const end = Math.min(wh.length, (channel.validTo - day.from) / length);
        const rows: IntervalRow[] = [];
        for (let n = first; n < end; n += 1) {
            const at = day.from + n * length;
            const regular = fileOf(channel, day, at);
            const slot = (at - channel.validFrom) / length;
            rows.push({ channel, slot, at, stamp: stamps[n] ?? '', wh: wh[n] ?? 0, regular, dueDay });
        }
        return rows;
    }

    /** Only ordinary readings, all of which wait until the load that comes after all deliveries. */
    #writeUnregistered(rows: readonly IntervalRow[]): void {
        for (const row of rows) {
            const note = noteOf(row, 'not-registered', 'released', 'waiting.meter-unknown');
            row.regular.add(this.#rows.ordinary(row), note);
        }
    }

    #writeChannelDay(random: RandomStream, channel: TownChannel, rows: readonly IntervalRow[]): void {
        const { rates } = this.#plan;
        const [first] = rows;
        if (first === undefined) return;
        const isLate = random.chance(rates.late);
        const isRepeated = random.chance(rates['duplicated-rows']);
        if (random.chance(rates['unknown-meter'])) this.#writeUnknown(first);
        if (isLate) this.#writeLate(random, rows);
        else this.#writeOnTime(random, channel, rows, isRepeated);
    }

    #writeOnTime(
        random: RandomStream,
        channel: TownChannel,
        rows: readonly IntervalRow[],
        isRepeated: boolean,
    ): void {
        const last = channel.wh.length - 1;
        const kept: KeptLine[] = [];
        for (const row of rows) {
            // The ends of a channel are always right, so that what a platform expects begins and ends with the channel.
            const isEnd = row.slot === 0 || row.slot === last;
            const flaw = isEnd ? undefined : this.#rows.drawFlaw(random);
            const index = row.regular.count;
            if (flaw === undefined) row.regular.add(this.#rows.ordinary(row));
            else this.#rows.flawed(random, row, flaw);
            if (!isRepeated || row.regular.count === index) continue;
            kept.push({ line: row.regular.lineAt(index), note: row.regular.notes.get(index), at: row.at });
        }
        if (isRepeated) this.#repeat(random, kept, rows);
    }

    #writeLate(random: RandomStream, rows: readonly IntervalRow[]): void {
        const delay = random.between(...DELAYS.late);
        for (const row of rows) {
            const lines = this.#schedule.lines(row.dueDay + delay, 'late');
            lines.add(this.#rows.ordinary(row), noteOf(row, 'late', 'accepted'));
        }
    }

    #repeat(random: RandomStream, kept: readonly KeptLine[], rows: readonly IntervalRow[]): void {
        const [first] = rows;
        if (first === undefined) return;
        const lines = this.#schedule.lines(first.dueDay + random.between(...DELAYS.repeat), 'repeats');
        for (const { line, note, at } of kept) {
            if (note?.expected === 'quarantined') continue;
            const repeat = notesOfRepeat(new Map(note ? [[0, note]] : []), 'duplicated-rows').get(0);
            lines.add(line, repeat ?? noteOf({ channel: first.channel, at }, 'duplicated-rows', 'duplicate'));
        }
    }

    #writeUnknown(row: IntervalRow): void {
        const channel = { ...row.channel, meterId: row.channel.meterId.replace('M', 'X') };
        const lines = this.#schedule.lines(row.dueDay + DELAYS.stray[0], 'strays');
        const stray = { ...row, channel };
        lines.add(
            this.#rows.line(stray, row.wh, 'A', 1),
            noteOf(stray, 'unknown-meter', 'waiting', 'waiting.meter-unknown'),
        );
    }

    /** The old meter goes on sending for three intervals after it was taken down. */
    #writeAfterRemoval(home: TownHome, day: TownDay, stamps: readonly string[], dueDay: number): void {
        if (this.#plan.unknownMeters === 'register') return;
        const lines = this.#schedule.lines(dueDay + DELAYS.stray[0], 'strays');
        const length = home.minutes * 60_000;
        for (const channel of home.channels.filter((c) => c.validTo === home.exchangedAt)) {
            const first = (channel.validTo - day.from) / length;
            for (let n = first; n < first + 3; n += 1) {
                const at = day.from + n * length;
                const row = { channel, slot: -1, at, stamp: stamps[n] ?? '', wh: 0, regular: lines, dueDay };
                lines.add(
                    this.#rows.line(row, 0, 'A', 1),
                    noteOf(row, 'exchanged', 'waiting', 'waiting.outside-validity'),
                );
            }
        }
    }
}
