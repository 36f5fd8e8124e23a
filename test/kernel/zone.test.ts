import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Temporal } from 'temporal-polyfill';
import { DAY_MS } from '../../src/kernel/calendar-date.ts';
import { GridtallyError } from '../../src/kernel/errors.ts';
import { instantText } from '../../src/kernel/period.ts';
import {
    changesWithin,
    localStampAt,
    localTimeAt,
    localToUtc,
    offsetAt,
    zoneOf,
} from '../../src/kernel/zone.ts';

const YEARS_FROM = Date.UTC(1970, 0, 1);
const YEARS_TO = Date.UTC(2101, 0, 1);
const HALF_HOUR_MS = 1_800_000;

/**
 * Zones whose clock moves by an hour, by half an hour, at midnight, by a whole day, by odd amounts, or
 * never.
 */
const ZONES = [
    'Europe/London',
    'Australia/Lord_Howe',
    'America/New_York',
    'America/St_Johns',
    'America/Sao_Paulo',
    'Africa/Cairo',
    'Africa/Monrovia',
    'Asia/Beirut',
    'Asia/Kolkata',
    'Pacific/Apia',
];

function hasCode(code: string): (error: unknown) => boolean {
    return (error) => error instanceof GridtallyError && error.code === code;
}

/** The first and the last instant that Temporal finds for a local stamp. */
function temporalInstants(zoneName: string, localStamp: number): [number, number] {
    const plain = Temporal.PlainDateTime.from(new Date(localStamp).toISOString().slice(0, -1));
    const earlier = plain.toZonedDateTime(zoneName, { disambiguation: 'earlier' }).epochMilliseconds;
    return [earlier, plain.toZonedDateTime(zoneName, { disambiguation: 'later' }).epochMilliseconds];
}

/** All clock changes of the years, one after the other. */
function temporalChanges(zoneName: string): number[] {
    const found: number[] = [];
    for (let at = Temporal.Instant.fromEpochMilliseconds(YEARS_FROM - 1).toZonedDateTimeISO(zoneName); ; ) {
        const next = at.getTimeZoneTransition('next');
        if (next === null || next.epochMilliseconds >= YEARS_TO) return found;
        found.push(next.epochMilliseconds);
        at = next;
    }
}

/** The offsets that Temporal has a millisecond before a change and at it. */
function offsetsAround(zoneName: string, at: number): number[] {
    return [at - 1, at].map((instant) => {
        const zoned = Temporal.Instant.fromEpochMilliseconds(instant).toZonedDateTimeISO(zoneName);
        return zoned.offsetNanoseconds / 1e9;
    });
}

function assertLikeTemporal(zoneName: string, localStamp: number): void {
    const found = localToUtc(zoneOf(zoneName), localStamp);
    const [earlier, later] = temporalInstants(zoneName, localStamp);
    const where = `${zoneName} ${instantText(localStamp)}`;
    switch (found.kind) {
        case 'unique':
            assert.deepEqual([found.at, found.at], [earlier, later], where);
            break;
        case 'repeated':
            assert.ok(found.first < found.second, where);
            assert.deepEqual([found.first, found.second], [earlier, later], where);
            break;
        case 'missing':
            // For a stamp that was skipped Temporal's "earlier" reads it with the offset after the change.
            assert.ok(found.after < found.changeAt && found.changeAt <= found.before, where);
            assert.deepEqual([found.after, found.before], [earlier, later], where);
            break;
    }
}

test('the offset at any instant is that of Temporal', () => {
    const instants = fc.integer({ min: YEARS_FROM, max: YEARS_TO });
    fc.assert(
        fc.property(fc.constantFrom(...ZONES), instants, (name, instant) => {
            const zoned = Temporal.Instant.fromEpochMilliseconds(instant).toZonedDateTimeISO(name);
            assert.equal(offsetAt(zoneOf(name), instant), zoned.offsetNanoseconds / 1e9);
            const local = localTimeAt(zoneOf(name), instant);
            assert.equal(local.date, zoned.toPlainDate().toString());
            const midnight = Temporal.PlainTime.from('00:00');
            assert.equal(local.secondOfDay, midnight.until(zoned.toPlainTime()).total('seconds'));
        }),
        { numRuns: 500 },
    );
});

test('any local stamp is unique, repeated or missing as Temporal has it', () => {
    const stamps = fc.integer({ min: YEARS_FROM, max: YEARS_TO });
    const property = fc.property(fc.constantFrom(...ZONES), stamps, assertLikeTemporal);
    fc.assert(property, { numRuns: 500 });
});

test('offsets and local stamps on both sides of every clock change are those of Temporal', () => {
    for (const name of ZONES) {
        const changes = changesWithin(zoneOf(name), YEARS_FROM, Date.UTC(2040, 0, 1));
        for (const { at, offsetBeforeS, offsetAfterS } of changes) {
            assert.deepEqual(
                [offsetAt(zoneOf(name), at - 1), offsetAt(zoneOf(name), at)],
                offsetsAround(name, at),
            );
            for (const edge of [at + offsetBeforeS * 1000, at + offsetAfterS * 1000]) {
                for (const shift of [-1, 0, 1]) assertLikeTemporal(name, edge + shift);
            }
        }
    }
});

test('every clock change that Temporal knows is found once, however the years are asked for', () => {
    const cuts = fc.array(fc.integer({ min: YEARS_FROM, max: YEARS_TO }), { maxLength: 6 });
    for (const name of ZONES) {
        const all = temporalChanges(name);
        fc.assert(
            fc.property(cuts, fc.constantFrom(...all, YEARS_FROM), (instants, atChange) => {
                const ends = [YEARS_FROM, ...[...instants, atChange].sort((a, b) => a - b), YEARS_TO];
                const found = ends.flatMap((from, i) =>
                    changesWithin(zoneOf(name), from, ends[i + 1] ?? from),
                );
                assert.deepEqual(
                    found.map(({ at }) => at),
                    all,
                );
            }),
            { numRuns: 20 },
        );
    }
});

test('the hour that London skips is missing and the hour that it repeats has two instants', () => {
    const london = zoneOf('Europe/London');
    assert.deepEqual(localToUtc(london, Date.UTC(2013, 2, 31, 1, 30)), {
        kind: 'missing',
        before: Date.UTC(2013, 2, 31, 1, 30),
        after: Date.UTC(2013, 2, 31, 0, 30),
        changeAt: Date.UTC(2013, 2, 31, 1),
    });
    assert.deepEqual(localToUtc(london, Date.UTC(2013, 9, 27, 1)), {
        kind: 'repeated',
        first: Date.UTC(2013, 9, 27, 0),
        second: Date.UTC(2013, 9, 27, 1),
    });
    const after = localToUtc(london, Date.UTC(2013, 9, 27, 2));
    assert.deepEqual(after, { kind: 'unique', at: Date.UTC(2013, 9, 27, 2) });
});

test('an instant converted to a local stamp and back is found again', () => {
    const instants = fc.integer({ min: YEARS_FROM, max: YEARS_TO });
    fc.assert(
        fc.property(fc.constantFrom(...ZONES), instants, (name, instant) => {
            const back = localToUtc(zoneOf(name), localStampAt(zoneOf(name), instant));
            assert.notEqual(back.kind, 'missing');
            if (back.kind === 'unique') assert.equal(back.at, instant);
            if (back.kind === 'repeated') assert.ok([back.first, back.second].includes(instant));
        }),
    );
});

test('a zone is read once and known by any spelling of its name', () => {
    assert.equal(zoneOf('Europe/London'), zoneOf('Europe/London'));
    assert.equal(zoneOf('europe/london').name, 'Europe/London');
    assert.deepEqual(changesWithin(zoneOf('UTC'), YEARS_FROM, YEARS_TO), []);
    assert.equal(offsetAt(zoneOf('+05:30'), 0), 19_800);
    assert.equal(offsetAt(zoneOf('-03:00'), 0), -10_800);
});

test('a zone that does not exist is refused', () => {
    for (const name of ['', 'London', 'Mars/Phobos', '2020-01-01T00:00Z', 'Europe/', '+25:00', 'Z\n']) {
        assert.throws(() => zoneOf(name), hasCode('time.zone-unknown'), name);
    }
});

test('instants without zone rules are refused, and days at both ends of the known years are not', () => {
    const london = zoneOf('Europe/London');
    assert.equal(offsetAt(london, YEARS_FROM - HALF_HOUR_MS), 3600);
    assert.equal(offsetAt(london, YEARS_TO + DAY_MS), 0);
    assert.throws(() => offsetAt(london, Date.UTC(1960, 0, 1)), hasCode('time.out-of-range'));
    assert.throws(() => localToUtc(london, Date.UTC(2150, 0, 1)), hasCode('time.out-of-range'));
    assert.throws(() => offsetAt(london, Number.NaN), hasCode('time.out-of-range'));
});
