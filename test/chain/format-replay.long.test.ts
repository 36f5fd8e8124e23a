// test limit: 240 s
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { planReplayOf, refreshAll, replayFaulty } from '../../src/pipeline/chain.ts';
import { listRefusals } from '../../src/pipeline/status.ts';
import { type ChainWorld, openChainWorld, variedContract } from './chain-world.ts';

const COLUMNS = ['meter_id', 'register', 'read_at', 'minutes', 'value', 'unit', 'quality', 'version'];
const FROM = Date.parse('2013-05-01T00:00:00Z');
let world: ChainWorld;

/** A day with two peaks, of which no two homes and hours are the same; `hourNo` counts from `FROM`. */
function kwhOf(meter: number, hourNo: number): string {
    const peak = (at: number) => Math.exp(-(((hourNo % 24) - at) ** 2) / 3);
    return (0.1 + peak(7) * 0.5 + peak(19) + ((hourNo * 7919 + meter * 104_729) % 97) / 970).toFixed(3);
}

/** Whole days of twelve homes, hour by hour, stamped so many minutes after the start of each. */
function homes(
    feed: string,
    firstDay: number,
    days: number,
    options: { lateMinutes?: number; zone?: 'Z' | ''; times?: number } = {},
): string {
    const { lateMinutes = 0, zone = 'Z', times = 1 } = options;
    const rows = Array.from({ length: 12 }, (_, m) =>
        Array.from({ length: days * 24 }, (_, i) => {
            const hourNo = firstDay * 24 + i;
            const stamp = new Date(FROM + hourNo * 3_600_000 + lateMinutes * 60_000)
                .toISOString()
                .slice(0, 19);
            return `${feed}-${m},1,${stamp}${zone},60,${(Number(kwhOf(m, hourNo)) * times).toFixed(3)},kWh,A,\n`;
        }),
    );
    return `${COLUMNS.join(',')}\n${rows.flat().join('')}`;
}

const contract = (feed: string, settings: Readonly<Record<string, string>>) =>
    variedContract('generic-csv', feed, { intervalMinutes: '60', ...settings });
const second = (text: string) => text.replace('version: 1.0.0', 'version: 2.0.0');

/** The blocks of two columns of a contract in each other's place. */
function swapped(text: string, a: string, b: string): string {
    const parts = text.split(/(?=^ {6}- name: )/m);
    const [i, j] = [a, b].map((name) =>
        parts.findIndex((part) => part.startsWith(`      - name: ${name}\n`)),
    ) as [number, number];
    return parts
        .with(i, parts[j] ?? '')
        .with(j, parts[i] ?? '')
        .join('');
}

interface Change {
    readonly first: string;
    readonly second: string;
    readonly changed: string;
    readonly rule: string;
}

const row = (meter: string, part: { unit?: string; value?: string } = {}) => [
    meter,
    '1',
    '2013-05-01T00:00:00Z',
    '60',
    part.value ?? '1.5',
    part.unit ?? 'kWh',
    'A',
    '',
];
const file = (columns: readonly string[], rows: readonly (readonly string[])[]) =>
    `${[columns, ...rows].map((cells) => cells.join(',')).join('\n')}\n`;
const reordered = <T>([a, b, c, d, ...rest]: readonly T[]) => [a, b, d, c, ...rest] as T[];
/** At least ten rows of an unknown unit refuse a file. */
const wattHours = Array.from({ length: 12 }, (_, i) =>
    row(`unit-${i}`, { unit: 'watt-hours', value: '1500' }),
);

/** What a vendor changed, by the meter that it shows on: each hour of it is 1.5 kWh. */
const CHANGES: Readonly<Record<string, Change>> = {
    renamed: {
        first: contract('renamed', {}),
        second: contract('renamed', {}).replace('- name: meter_id', '- name: meter_ref'),
        changed: file(COLUMNS.with(0, 'meter_ref'), [row('renamed')]),
        rule: 'file.column-unknown',
    },
    reordered: {
        first: contract('reordered', {}),
        second: swapped(contract('reordered', {}), 'read_at', 'minutes'),
        changed: file(reordered(COLUMNS), [reordered(row('reordered'))]),
        rule: 'file.column-order',
    },
    unit: {
        first: contract('unit', {}),
        second: contract('unit', { unit: 'Wh' }).replace('value: unit', 'value: ignored'),
        changed: file(COLUMNS, wattHours),
        rule: 'file.unit-unknown',
    },
    ends: {
        first: contract('ends', { stampShift: 'refuse' }),
        second: contract('ends', { stampShift: 'refuse', stampMarks: 'end' }),
        changed: homes('ends', 20, 7, { lateMinutes: 60 }),
        rule: 'file.stamps-moved',
    },
    clock: {
        first: contract('clock', { stampShift: 'refuse' }),
        second: contract('clock', { stampShift: 'refuse', clock: 'Europe/London' }),
        changed: homes('clock', 20, 7, { lateMinutes: 60, zone: '' }),
        rule: 'file.stamps-moved',
    },
    silent: {
        first: contract('silent', { unitShift: 'refuse' }),
        second: contract('silent', { unitShift: 'refuse', unit: 'Wh' }).replace(
            'value: unit',
            'value: ignored',
        ),
        changed: homes('silent', 20, 7, { times: 1000 }),
        rule: 'file.unit-moved',
    },
};

before(async () => {
    world = await openChainWorld({ marketZone: 'Europe/London' });
    for (const [feed, change] of Object.entries(CHANGES)) world.contract(feed, change.first);
    await world.ingest('ends', { 'before.csv': homes('ends', 0, 20) });
    await world.ingest('silent', { 'before.csv': homes('silent', 0, 20) });
    await world.ingest('clock', { 'before.csv': homes('clock', 0, 20, { zone: '' }) });
    for (const [feed, { changed }] of Object.entries(CHANGES))
        await world.ingest(feed, { 'changed.csv': changed });
    await refreshAll(world.workspace);
});
after(() => world.end());

test('each change stops its file and no other, by the contract of then', async () => {
    const refusals = await listRefusals(world.workspace.db);
    assert.deepEqual(
        refusals.map(({ feed, sourceKey, ruleId }) => `${feed} ${sourceKey} ${ruleId}`).sort(),
        Object.entries(CHANGES)
            .map(([feed, { rule }]) => `${feed} changed.csv ${rule}`)
            .sort(),
    );
});

test('under a contract that says what is so now, a replay brings each in, once, at the right intervals', async () => {
    for (const [feed, change] of Object.entries(CHANGES)) world.contract(feed, second(change.second));
    const totals = await replayFaulty(world.workspace);
    assert.deepEqual([totals.payloadsAdmitted, totals.payloadsRefusedAgain, totals.quarantined], [6, 0, 0]);
    assert.equal(totals.versions, 1 + 1 + 12 + 3 * 12 * 7 * 24);
    await refreshAll(world.workspace);
    const plain = await world.query(
        `select meter_id, kwh, epoch_ms(period_from) as at from reads_interval where meter_id in ('renamed', 'reordered', 'unit-0') order by 1`,
    );
    assert.deepEqual(
        plain.map((one) => [one.meter_id, Number(one.kwh), Number(one.at)]),
        ['renamed', 'reordered', 'unit-0'].map((meter) => [meter, 1.5, FROM]),
    );
    for (const feed of ['ends', 'clock', 'silent']) {
        const rows = await world.query(
            `select meter_id, kwh, epoch_ms(period_from) as at from reads_interval where meter_id like '${feed}-%'`,
        );
        assert.equal(rows.length, 12 * 27 * 24, 'no hour twice, and none left out');
        for (const { meter_id, kwh, at } of rows) {
            const meter = Number(String(meter_id).slice(feed.length + 1));
            const hourNo = (Number(at) - FROM) / 3_600_000;
            assert.equal(Number(kwh), Number(kwhOf(meter, hourNo)), `${meter_id} ${hourNo}`);
        }
    }
    assert.deepEqual(await planReplayOf(world.workspace), []);
    assert.equal((await replayFaulty(world.workspace)).segments, 0);
});
