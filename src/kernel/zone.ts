import { Temporal } from 'temporal-polyfill';
import { type CalendarDate, DAY_MS, utcDateOf } from './calendar-date.ts';
import { assert, GridtallyError } from './errors.ts';

/** One move of a zone's clock. Offsets are seconds that local time is ahead of UTC. */
export interface ClockChange {
    /** The first instant with the new offset, in UTC epoch milliseconds. */
    readonly at: number;
    readonly offsetBeforeS: number;
    readonly offsetAfterS: number;
}

/** A time zone; made once per name by `zoneOf`. Its clock changes are looked up as they are asked for. */
export interface Zone {
    readonly name: string;
    /** The clock changes of a stretch of years, by its number: see `stretchOf`. */
    readonly stretches: Map<number, Stretch>;
}

/** What a zone's clock does within some years. All of them would be some hundred changes, of which a command needs a few. */
interface Stretch {
    /** What holds until the first change. */
    readonly firstOffsetS: number;
    /** In order of time; each begins with the offset that the one before it ended with. */
    readonly changes: readonly ClockChange[];
}

/**
 * A local stamp is the wall clock's reading written as if it were UTC epoch milliseconds: 01:30 on
 * 2013-10-27 is `Date.UTC(2013, 9, 27, 1, 30)` in whatever zone.
 */
export type LocalToUtc =
    | { readonly kind: 'unique'; readonly at: number }
    /** The clock went back and showed this stamp twice. */
    | { readonly kind: 'repeated'; readonly first: number; readonly second: number }
    /**
     * The clock went forward and never showed this stamp. `before` and `after` read it with the offset that
     * held before and after the change; `changeAt` is the instant at which the clock jumped over it.
     */
    | {
          readonly kind: 'missing';
          readonly before: number;
          readonly after: number;
          readonly changeAt: number;
      };

export interface LocalTime {
    readonly date: CalendarDate;
    /** Seconds since 00:00 on the wall clock, 0 to 86,399 (with decimals where the instant has them). */
    readonly secondOfDay: number;
    readonly offsetS: number;
}

/**
 * Zone rules are known from 1970 to 2100; a margin of a year on both sides serves days that cross those
 * ends.
 */
const RULES_FROM = Date.UTC(1969, 0, 1);
const RULES_TO = Date.UTC(2102, 0, 1);
const STRETCH_MS = 2 * 365 * DAY_MS;

const ZONE_NAME = /^([A-Za-z][A-Za-z0-9_+-]*(\/[A-Za-z0-9_+-]+)*|[+-]\d{2}:\d{2})$/;

const zones = new Map<string, Zone>();

/**
 * The zone of an IANA name (`Europe/London`), `UTC`, or a fixed offset (`+01:00`).
 * @throws GridtallyError `time.zone-unknown`
 */
export function zoneOf(name: string): Zone {
    const known = zones.get(name);
    if (known !== undefined) return known;
    const zone = { name: identifierOf(name), stretches: new Map() };
    zones.set(name, zone);
    return zone;
}

/**
 * Seconds that local time is ahead of UTC at an instant.
 * @throws GridtallyError `time.out-of-range` outside 1970 to 2100
 */
export function offsetAt(zone: Zone, instant: number): number {
    requireInRange(instant);
    const { changes, firstOffsetS } = stretchOf(zone, numberOfStretch(instant));
    return changes[changesUntil(changes, instant) - 1]?.offsetAfterS ?? firstOffsetS;
}

/** The clock changes with `from <= at < to`, in UTC epoch milliseconds. */
export function changesWithin(zone: Zone, from: number, to: number): readonly ClockChange[] {
    requireInRange(from);
    requireInRange(to);
    const found: ClockChange[] = [];
    for (let no = numberOfStretch(from); no <= numberOfStretch(to - 1); no += 1) {
        const { changes } = stretchOf(zone, no);
        found.push(...changes.slice(changesUntil(changes, from - 1), changesUntil(changes, to - 1)));
    }
    return found;
}

/** The local stamp (see `LocalToUtc`) that the wall clock shows at an instant. */
export function localStampAt(zone: Zone, instant: number): number {
    return instant + offsetAt(zone, instant) * 1000;
}

/** What the wall clock shows at an instant: its date, seconds since its midnight, and the offset. */
export function localTimeAt(zone: Zone, instant: number): LocalTime {
    const offsetS = offsetAt(zone, instant);
    const stamp = instant + offsetS * 1000;
    const date = utcDateOf(stamp);
    return { date, secondOfDay: (stamp - Math.floor(stamp / DAY_MS) * DAY_MS) / 1000, offsetS };
}

/**
 * The instant or instants at which the wall clock shows a local stamp. The caller decides about a repeated
 * or a missing one.
 * @throws GridtallyError `time.out-of-range` outside 1970 to 2100
 */
export function localToUtc(zone: Zone, localStamp: number): LocalToUtc {
    // No zone is further than 15 hours from UTC, and the largest change (Pacific/Apia, 2011) is 24 hours.
    const nearby = changesWithin(zone, localStamp - 2 * DAY_MS, localStamp + 2 * DAY_MS);
    for (const { at, offsetBeforeS, offsetAfterS } of nearby) {
        const wallBefore = at + offsetBeforeS * 1000;
        const wallAfter = at + offsetAfterS * 1000;
        const before = localStamp - offsetBeforeS * 1000;
        const after = localStamp - offsetAfterS * 1000;
        if (wallBefore <= localStamp && localStamp < wallAfter) {
            return { kind: 'missing', before, after, changeAt: at };
        }
        if (wallAfter <= localStamp && localStamp < wallBefore) {
            return { kind: 'repeated', first: before, second: after };
        }
        if (localStamp < wallBefore) return { kind: 'unique', at: before };
    }
    const offsetS = nearby.at(-1)?.offsetAfterS ?? offsetAt(zone, localStamp);
    return { kind: 'unique', at: localStamp - offsetS * 1000 };
}

/** How many of the changes are at or before the instant. */
function changesUntil(changes: readonly ClockChange[], instant: number): number {
    let low = 0;
    let high = changes.length;
    while (low < high) {
        const middle = (low + high) >>> 1;
        const change = changes[middle];
        if (change !== undefined && change.at <= instant) low = middle + 1;
        else high = middle;
    }
    return low;
}

function requireInRange(instant: number): void {
    if (instant >= RULES_FROM && instant <= RULES_TO) return;
    throw new GridtallyError('time.out-of-range', `no zone rules for the epoch millisecond ${instant}`);
}

const numberOfStretch = (instant: number) => Math.floor((instant - RULES_FROM) / STRETCH_MS);

function stretchOf(zone: Zone, no: number): Stretch {
    const known = zone.stretches.get(no);
    if (known !== undefined) return known;
    const stretch = readStretch(zone.name, no);
    zone.stretches.set(no, stretch);
    return stretch;
}

function readStretch(name: string, no: number): Stretch {
    const from = RULES_FROM + no * STRETCH_MS;
    // a change at the very beginning is one of this stretch
    let zoned = zonedAt(from - 1, name);
    const changes: ClockChange[] = [];
    const firstOffsetS = wholeSeconds(zoned);
    for (let offsetBeforeS = firstOffsetS; ; ) {
        const next = zoned.getTimeZoneTransition('next');
        if (next === null || next.epochMilliseconds >= from + STRETCH_MS) break;
        const offsetAfterS = wholeSeconds(next);
        assert(offsetAfterS !== offsetBeforeS, `the offset of ${name} changes at ${next.toString()}`);
        changes.push({ at: next.epochMilliseconds, offsetBeforeS, offsetAfterS });
        zoned = next;
        offsetBeforeS = offsetAfterS;
    }
    return { firstOffsetS, changes };
}

/** As the IANA database spells it. */
function identifierOf(name: string): string {
    try {
        if (!ZONE_NAME.test(name)) throw new RangeError(`not the shape of a zone's name`);
        return zonedAt(RULES_FROM, name).timeZoneId;
    } catch (cause) {
        const shown = JSON.stringify(name.slice(0, 60));
        throw new GridtallyError('time.zone-unknown', `no such time zone: ${shown}`, { cause });
    }
}

function zonedAt(instant: number, name: string): Temporal.ZonedDateTime {
    return Temporal.Instant.fromEpochMilliseconds(instant).toZonedDateTimeISO(name);
}

function wholeSeconds(zoned: Temporal.ZonedDateTime): number {
    const seconds = zoned.offsetNanoseconds / 1e9;
    assert(Number.isInteger(seconds), `the offset of ${zoned.timeZoneId} is whole seconds`);
    return seconds;
}
