import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { calendarDate } from '../../src/kernel/calendar-date.ts';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { onlyDay, traceTotals } from '../../src/pipeline/total-trace.ts';
import { namedChannels } from '../../src/registry/named-channels.ts';
import { dayNode, treeText } from '../../src/trace/trace-text.ts';
import type { TracedDay } from '../../src/trace/traced-total.ts';
import type { TracedInterval } from '../../src/trace/traced-version.ts';
import { type ChainWorld, readingsCsv } from './chain-world.ts';
import { DAY, HALF_HOUR, HISTORY_FEED, halfHours, MONDAY, openMeters } from './validation-world.ts';

let world: ChainWorld;

const at = (day: number, slot = 0) => MONDAY + day * DAY + slot * HALF_HOUR;
const slots = (count: number, of: (slot: number) => string | null) =>
    Array.from({ length: count }, (_, i) => of(i));
const give = (name: string, rows: Parameters<typeof readingsCsv>[0]) =>
    world.ingest(HISTORY_FEED, { [name]: readingsCsv(rows) });
const micro = (kwh: string | null | undefined) => Math.round(Number(kwh) * 1e6);

before(async () => {
    world = await openMeters(['L1', 'D1', 'R1', 'Z1']);
    // a line over midnight
    await give(
        'line-1.csv',
        halfHours(
            'L1',
            at(0),
            slots(47, (i) => (i === 46 ? '1' : '0.5')),
        ),
    );
    await give(
        'line-2.csv',
        halfHours(
            'L1',
            at(1, 3),
            slots(45, (i) => (i === 0 ? '2' : '0.5')),
        ),
    );
    // the first of Wednesday's values was corrected, so its second version counts; on Tuesday that time is an estimate of the vendor's
    await give('days.csv', [
        ...halfHours(
            'D1',
            at(0),
            slots(48, (i) => `0.${100 + i}`),
        ),
        ...halfHours(
            'D1',
            at(1, 1),
            slots(47, (i) => `0.${301 + i}`),
        ),
        ...halfHours(
            'D1',
            at(2),
            slots(48, (i) => `0.${500 + i}`),
        ),
    ]);
    await give('vendor.csv', halfHours('D1', at(1), ['0.3'], { quality: 'E' }));
    await give('corrected.csv', halfHours('D1', at(2), ['0.9'], { version: 2 }));
    // what the register counted and no interval measured, by the shape of Monday
    await give(
        'shape.csv',
        halfHours(
            'R1',
            at(0),
            slots(48, (i) => `0.${100 + i}`),
        ),
    );
    await give(
        'half.csv',
        halfHours(
            'R1',
            at(1),
            slots(24, () => '0.25'),
        ),
    );
    const reads = ['2024-02-06T00:00:00Z,100', '2024-02-08T00:00:00Z,130'];
    await world.ingest('generic-register-csv', {
        'reads.csv': `meter_id,register,read_at,value,unit,quality,version\n${reads.map((read) => `R1,1,${read},kWh,A,1\n`).join('')}`,
    });
    await give('last.csv', halfHours('Z1', at(5), ['0.1']));
    await refreshAll(world.workspace);
});
after(() => world.end());

async function traced(meter: string, day: string, inputs: 'all' | 'sums' = 'all'): Promise<TracedDay> {
    const named = await namedChannels(world.workspace.lake.db, meter);
    const days = onlyDay(calendarDate(day));
    const [found] = await traceTotals(world.workspace, { named, days, readsLines: true, inputs });
    assert.ok(found);
    return found;
}

const intervalsOf = (day: TracedDay) => day.hours.flatMap(({ intervals }) => intervals);
const estimated = (day: TracedDay) => intervalsOf(day).filter(({ estimate }) => estimate !== null);

/** Value, file and line of the version that gave it; every input has one, as any curated value. */
function source({ kwh, versions }: TracedInterval): string {
    const winner = versions.find(({ outcome }) => outcome === 'winning');
    assert.ok(winner?.line && winner.text && winner.receiptId);
    assert.equal(winner.lineKwh, kwh);
    return `${Number(kwh)} ${winner.sourceKey}:${winner.line}`;
}

test('a line leads to the lines of the files that its ends came in, over midnight too, and they give it', async () => {
    const values = [
        ...estimated(await traced('L1', '2024-02-05')),
        ...estimated(await traced('L1', '2024-02-06')),
    ];
    assert.equal(values.length, 4);
    values.forEach(({ kwh, inputs = [] }, i) => {
        assert.deepEqual(inputs.map(source), ['1 line-1.csv:48', '2 line-2.csv:2']);
        assert.equal(micro(kwh), 1_000_000 + (i + 1) * 200_000);
    });
});

test('a mean of like days leads to the measured values that it is of, and they give it', async () => {
    const values = estimated(await traced('D1', '2024-02-08'));
    assert.equal(values.length, 48);
    assert.deepEqual(values[0]?.inputs?.map(source), ['0.9 corrected.csv:2', '0.1 days.csv:2']);
    assert.deepEqual(values[1]?.inputs?.map(source), [
        '0.501 days.csv:98',
        '0.301 days.csv:50',
        '0.101 days.csv:3',
    ]);
    for (const { kwh, inputs = [] } of values) {
        const sum = inputs.reduce((total, input) => total + micro(input.kwh), 0);
        assert.ok(Math.abs(micro(kwh) - sum / inputs.length) <= 0.5);
    }
});

test('what is scaled to a register leads to its reads, to what was measured between them and to its shape, and they give it', async () => {
    const days = [await traced('R1', '2024-02-06'), await traced('R1', '2024-02-07')];
    const [span] = days[0]?.spans ?? [];
    assert.ok(span);
    assert.deepEqual(span.reads.map(source), ['100 reads.csv:2', '130 reads.csv:3']);
    assert.deepEqual(
        span.days.map(({ marketDay, kwh, intervals }) => [marketDay, Number(kwh), intervals.length]),
        [['2024-02-06', 6, 24]],
    );
    assert.equal(source(span.days[0]?.intervals[0] as TracedInterval), '0.25 half.csv:2');
    const [first, last] = span.reads.map(({ kwh }) => micro(kwh));
    const rest = (last ?? 0) - (first ?? 0) - micro(span.days[0]?.kwh);
    const values = days.flatMap(estimated);
    assert.equal(values.length, 72);
    const weights = values.map(({ inputs = [] }) => {
        assert.ok(inputs.length > 0);
        return Math.round(inputs.reduce((total, input) => total + micro(input.kwh), 0) / inputs.length);
    });
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    let until = 0;
    let given = 0;
    values.forEach(({ kwh }, i) => {
        until += weights[i] ?? 0;
        const share = Math.round((rest * until) / total) - given;
        given += share;
        assert.ok(Math.abs(micro(kwh) - share) <= 1, `${i}: ${kwh} for ${share}`);
    });
    const [folded] = (await traced('R1', '2024-02-06', 'sums')).spans;
    assert.deepEqual(
        folded?.days.map(({ kwh, intervalCount, intervals }) => [
            Number(kwh),
            intervalCount,
            intervals.length,
        ]),
        [[6, 24, 0]],
    );
});

test('text has a line for each input, and days of a span as sums', async () => {
    const lines = treeText([dayNode(await traced('R1', '2024-02-07'))]).join('\n');
    assert.match(
        lines,
        /estimated here, register-scaled.*\n.*─ 2024-02-06T00:00:00Z: 0\.250000 kWh, history, half\.csv:2, receipt r\d+ at /,
    );
    assert.match(
        lines,
        /register from 2024-02-06T00:00:00Z to 2024-02-08T00:00:00Z: 30\.000000 kWh counted, 6\.000000 kWh measured/,
    );
    assert.match(lines, /read at 2024-02-06T00:00:00Z: 100\.000000 kWh, measured\n.*100\.000000 winning/);
    assert.match(lines, /measured on 2024-02-06: 6\.000000 kWh in 24 intervals/);
});
