import type { RowRule } from '../contracts/ingest-rules.ts';
import { DELAYS, type DeliverySchedule } from './delivery-schedule.ts';
import { INTERVAL_FLAWS, type IntervalFlaw, type Outcome } from './flaws.ts';
import { garbageLine } from './garbage-rows.ts';
import { ESTIMATED, GOOD, MISSING, type TownChannel } from './homes.ts';
import type { LineNote, PayloadLines } from './payload-lines.ts';
import type { RandomStream } from './random-stream.ts';
import { decimalText, kwhText, type LineFields, readingLine, stampText } from './reading-line.ts';
import type { TownPlan } from './town-options.ts';
import type { TruthTally } from './truth-tally.ts';

/** One interval of a channel about to be delivered. */
export interface IntervalRow {
    readonly channel: TownChannel;
    /** Index in the channel's arrays. */
    readonly slot: number;
    readonly at: number;
    readonly stamp: string;
    /** The energy that was really used. */
    readonly wh: number;
    /** The regular file. */
    readonly regular: PayloadLines;
    /** The day on which the regular file is due. */
    readonly dueDay: number;
}

export type Quality = 'A' | 'E' | 'N' | 'W';

/** Turns intervals into lines of files, flawed by chance, and writes down what is true in the end. */
export class IntervalRows {
    readonly #plan: TownPlan;
    readonly #schedule: DeliverySchedule;
    readonly #tally: TruthTally;
    /** Sums of the rates of `INTERVAL_FLAWS` up to and with each. */
    readonly #rateUpTo: readonly number[];
    readonly #flawRate: number;

    constructor(plan: TownPlan, schedule: DeliverySchedule, tally: TruthTally) {
        let sum = 0;
        this.#rateUpTo = INTERVAL_FLAWS.map((flaw) => {
            sum += plan.rates[flaw];
            return sum;
        });
        this.#flawRate = sum;
        this.#plan = plan;
        this.#schedule = schedule;
        this.#tally = tally;
    }

    drawFlaw(random: RandomStream): IntervalFlaw | undefined {
        const drawn = random.unit();
        const place = drawn < this.#flawRate ? this.#rateUpTo.findIndex((rate) => drawn < rate) : -1;
        return INTERVAL_FLAWS[place];
    }

    /** The line of an ordinary, measured reading; sets the truth accordingly. */
    ordinary(row: IntervalRow): string {
        this.#settle(row, GOOD);
        return this.line(row, row.wh, 'A', 1);
    }

    line(row: IntervalRow, wh: number, quality: Quality, version: number): string {
        return readingLine(this.#plan, this.fields(row, wh, quality, version));
    }

    fields(row: IntervalRow, wh: number, quality: Quality, version: number): LineFields {
        return {
            meterId: row.channel.meterId,
            register: row.channel.register,
            stamp: row.stamp,
            minutes: String(row.channel.home.minutes),
            value: quality === 'N' || quality === 'W' ? '' : kwhText(wh),
            unit: 'kWh',
            quality,
            version: String(version),
        };
    }

    /** Delivers the interval with the flaw. */
    flawed(random: RandomStream, row: IntervalRow, flaw: IntervalFlaw): void {
        const note = (expected: Outcome, rule?: RowRule): LineNote => noteOf(row, flaw, expected, rule);
        const add = (wh: number, quality: Quality, expected: Outcome) =>
            row.regular.add(this.line(row, wh, quality, 1), note(expected));
        const estimate = Math.round(row.wh * 0.85) + 11;
        const followUp = (line: string, expected: Outcome) =>
            this.#followUp(random, row, 'correction', line, note(expected));
        switch (flaw) {
            case 'corrected':
                this.#corrected(random, row, note);
                break;
            case 'missing':
                this.#settle(row, MISSING);
                this.#tally.flawWithoutLine(note('missing'));
                break;
            case 'reported-missing':
                this.#settleWithdrawn(row);
                add(0, 'N', 'accepted');
                break;
            case 'estimated':
                this.#settle(row, GOOD);
                add(estimate, 'E', 'superseded');
                followUp(this.line(row, row.wh, 'A', 2), 'accepted');
                break;
            case 'estimated-only':
                this.#settle(row, ESTIMATED);
                add(row.wh, 'E', 'accepted');
                break;
            case 'stale-estimate':
                row.regular.add(this.ordinary(row));
                followUp(this.line(row, estimate, 'E', 2), 'superseded');
                break;
            case 'withdrawn':
                this.#settleWithdrawn(row);
                add(row.wh, 'A', 'superseded');
                followUp(this.line(row, 0, 'W', 2), 'accepted');
                break;
            case 'other-unit':
                this.#settle(row, GOOD);
                row.regular.add(this.#inOtherUnit(random, row), note('accepted'));
                break;
            case 'clock-drift':
            case 'wrong-unit':
            case 'garbage-row':
                this.#unreadable(random, row, flaw, note);
                break;
        }
    }

    #corrected(random: RandomStream, row: IntervalRow, note: (expected: Outcome) => LineNote): void {
        this.#settle(row, GOOD);
        const wrong = row.wh + random.between(1, 400);
        row.regular.add(this.line(row, wrong, 'A', 1), note('superseded'));
        if (random.chance(0.75)) {
            this.#followUp(random, row, 'correction', this.line(row, row.wh, 'A', 2), note('accepted'));
            return;
        }
        const stillWrong = this.line(row, wrong + random.between(1, 400), 'A', 2);
        this.#followUp(random, row, 'correction', stillWrong, note('superseded'));
        const right = this.line(row, row.wh, 'A', 3);
        this.#followUp(random, row, 'secondCorrection', right, note('accepted'));
    }

    /** A line that is quarantined; every other time a right one follows. */
    #unreadable(
        random: RandomStream,
        row: IntervalRow,
        flaw: 'clock-drift' | 'wrong-unit' | 'garbage-row',
        note: (expected: Outcome, rule?: RowRule) => LineNote,
    ): void {
        const { line, rule } = this.#unreadableLine(random, row, flaw);
        row.regular.add(line, note('quarantined', rule));
        if (random.chance(0.5)) {
            this.#settle(row, GOOD);
            this.#followUp(random, row, 'correction', this.line(row, row.wh, 'A', 1), note('accepted'));
        } else this.#settle(row, MISSING);
    }

    #unreadableLine(
        random: RandomStream,
        row: IntervalRow,
        flaw: IntervalFlaw,
    ): { line: string; rule: RowRule } {
        const fields = this.fields(row, row.wh, 'A', 1);
        if (flaw === 'clock-drift') {
            const drift = random.between(1, row.channel.home.minutes * 60 - 1) * 1000;
            const stamp = stampText(this.#plan, row.at + drift);
            return { line: readingLine(this.#plan, { ...fields, stamp }), rule: 'row.stamp-off-grid' };
        }
        if (flaw === 'wrong-unit') {
            const unit = random.pick(['kVAh', 'kvarh', 'm3', 'GJ']);
            return { line: readingLine(this.#plan, { ...fields, unit }), rule: 'row.unit' };
        }
        return garbageLine(random, this.#plan, {
            fields,
            hasExport: row.channel.home.kind.panelWatts > 0,
            isRegistered: this.#plan.isRegisteredByLoad,
        });
    }

    #inOtherUnit(random: RandomStream, row: IntervalRow): string {
        const fields = this.fields(row, row.wh, 'A', 1);
        const unit = random.pick(['Wh', 'MWh', 'kW'] as const);
        const values = {
            Wh: String(row.wh),
            MWh: decimalText(row.wh, 6),
            // Mean power over the interval: exact, because every length divides the hour.
            kW: kwhText(row.wh * (60 / row.channel.home.minutes)),
        };
        return readingLine(this.#plan, { ...fields, unit, value: values[unit] });
    }

    #followUp(
        random: RandomStream,
        row: IntervalRow,
        delay: 'correction' | 'secondCorrection',
        line: string,
        note: LineNote,
    ): void {
        const day = row.dueDay + random.between(DELAYS[delay][0], DELAYS[delay][1]);
        this.#schedule.lines(day, 'corrections').add(line, note);
    }

    /** The winning version has no value. */
    #settleWithdrawn(row: IntervalRow): void {
        this.#settle(row, MISSING);
        this.#tally.versionWithoutValue();
    }

    #settle(row: IntervalRow, quality: number): void {
        row.channel.wh[row.slot] = quality === MISSING ? 0 : row.wh;
        row.channel.quality[row.slot] = quality;
    }
}

export function noteOf(
    row: Pick<IntervalRow, 'channel' | 'at'>,
    flaw: LineNote['flaw'],
    expected: Outcome,
    rule?: LineNote['rule'],
): LineNote {
    const { meterId, register } = row.channel;
    const note = { flaw, expected, meterId, register, at: row.at };
    return rule === undefined ? note : { ...note, rule };
}
