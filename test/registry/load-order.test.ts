import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import type { CalendarDate } from '../../src/kernel/calendar-date.ts';
import { readAgreements, readAttributes } from '../../src/registry/agreement-reader.ts';
import { channelDirectory } from '../../src/registry/channel-directory.ts';
import {
    ACCOUNTS,
    CALENDARS,
    CUSTOMERS,
    HOLIDAYS,
    openRegistryWorld,
    type RegistryWorld,
    TARIFFS,
} from './registry-world.ts';

const EVER = { from: '2010-01-01' as CalendarDate, to: '2020-01-01' as CalendarDate };
const POINT_HEADER = 'metering_point_id,meter_id,interval_minutes,valid_from,valid_to';
const ATTRIBUTE_HEADER = 'metering_point_id,attribute,value,valid_from,valid_to';
const AGREEMENT_HEADER = 'agreement_id,account_id,metering_point_id,tariff_id,move_in,move_out';

let world: RegistryWorld;
before(async () => {
    world = await openRegistryWorld();
    await world.load('customers', 'c.csv', CUSTOMERS);
    await world.load('accounts', 'a.csv', ACCOUNTS);
    await world.load('holidays', 'h.csv', HOLIDAYS);
    await world.load('calendars', 'k.yaml', CALENDARS);
    await world.load('tariffs', 't.yaml', TARIFFS);
});
after(() => world.end());

const day = (n: number) => new Date(Date.UTC(2013, 0, 1 + n)).toISOString().slice(0, 10);

/** Cuts of a year, as versions that follow each other; whether each of them says its end. */
const histories = fc
    .uniqueArray(fc.integer({ min: 0, max: 300 }), { minLength: 2, maxLength: 7 })
    .chain((starts) =>
        fc.tuple(
            fc.constant(starts.sort((a, b) => a - b)),
            fc.array(fc.boolean(), { minLength: 7, maxLength: 7 }),
        ),
    )
    .map(([starts, saysEnd]) =>
        starts.map((start, index) => {
            const next = starts[index + 1];
            return {
                from: day(start),
                to: next !== undefined && saysEnd[index] ? day(next) : '',
                next: next === undefined ? '' : day(next),
            };
        }),
    );

interface Part {
    readonly kind: 'metering-points' | 'attributes' | 'agreements';
    readonly header: string;
    readonly rows: readonly string[];
}

const towns = fc.tuple(histories, histories, histories).map(([meters, values, moves]): Part[] => [
    {
        kind: 'metering-points',
        header: POINT_HEADER,
        rows: meters.map(({ from, next }, index) => `MP1,M${index},30,${from},${next}`),
    },
    {
        kind: 'attributes',
        header: ATTRIBUTE_HEADER,
        rows: values.map(({ from, to }, index) => `MP1,region,R${index},${from},${to}`),
    },
    {
        kind: 'agreements',
        header: AGREEMENT_HEADER,
        rows: moves.map(({ from, next }, index) => `G${index},A${(index % 2) + 1},MP1,flat,${from},${next}`),
    },
]);

test('any split of rows over files, in any order and with repeats, leaves the same belief', async () => {
    await fc.assert(
        fc.asyncProperty(towns, fc.infiniteStream(fc.nat({ max: 1_000_000 })), async (town, dice) => {
            const roll = () => Number(dice.next().value);
            const whole = await beliefAfter(town.map((part) => ({ ...part, files: [part.rows] })));
            const split = await beliefAfter(
                town.map((part) => ({ ...part, files: splitRows(part.rows, roll) })),
            );
            assert.deepEqual(split, whole);
        }),
        { numRuns: 8 },
    );
});

/** Each row in one file or two, the files in any order; the last repeats the first. */
function splitRows(rows: readonly string[], roll: () => number): string[][] {
    const shuffled = rows.map((row) => ({ row, key: roll() })).sort((a, b) => a.key - b.key);
    const files: string[][] = [];
    for (const { row } of shuffled) {
        const file = files[roll() % (files.length + 2)];
        if (file === undefined) files.push([row]);
        else file.push(row);
    }
    return [...files, ...files.slice(0, 1)];
}

async function beliefAfter(
    parts: readonly (Part & { files: readonly (readonly string[])[] })[],
): Promise<unknown> {
    await world.db.query(
        `truncate agreement_versions, metering_point_attributes, channel_validities, channels, metering_points,
             registration_changes, bills`,
    );
    for (const { kind, header, files } of parts) {
        for (const rows of files) await world.load(kind, 'part.csv', `${header}\n${rows.join('\n')}\n`);
    }
    const channels = await channelDirectory(world.db);
    const byId = channels.map(({ channelNo: _, ...channel }) => JSON.stringify(channel)).sort();
    const agreements = await readAgreements(world.db, EVER);
    const attributes = await readAttributes(world.db);
    return {
        channels: byId,
        agreements: agreements.map((a) => [
            a.agreementId,
            a.accountId,
            a.meteringPointId,
            a.moveIn,
            a.moveOut,
        ]),
        attributes: attributes.map((a) => [a.attribute, a.value, a.validFrom, a.validTo]),
    };
}
