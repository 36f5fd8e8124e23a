import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { type ChainWorld, openChainWorld, variedContract } from './chain-world.ts';

const UNITS = ['kWh', 'Wh', 'MWh', 'kW'] as const;
const HEADER = 'meter_id;register;read_at;minutes;value;unit;quality;version';
let world: ChainWorld;

before(async () => {
    world = await openChainWorld({ marketZone: 'UTC' });
    const settings = { delimiter: "';'", allowsNegative: 'true', maxDecimals: '9', nullTexts: "['-', ',']" };
    world.contract(
        'points',
        variedContract('generic-csv', 'points', { ...settings, nullTexts: "['-', '.']" }),
    );
    world.contract('commas', variedContract('generic-csv', 'commas', { ...settings, decimalMark: 'comma' }));
    world.contract(
        'quoted',
        variedContract('generic-csv', 'quoted', { quoting: 'double', decimalMark: 'comma' }),
    );
});

after(() => world.end());

const swapped = (text: string) => text.replaceAll(/[.,]/g, (mark) => (mark === '.' ? ',' : '.'));

/** Texts that are numbers, nearly numbers, and neither. */
const texts = fc.oneof(
    fc.stringMatching(/^-?\d{1,13}(\.\d{1,9})?$/),
    fc.stringMatching(/^-?\d{0,3}[.,]?\d{0,3}[.,]?\d{0,4}$/),
    fc.constantFrom('', '-', '.', '1.234,5', '0,25', '0.25', '1,234', '12', '-0.000001', '1e3', '.5', '5.'),
);

test('whatever a value is, a feed with commas takes it as one with points takes the same with a point', async () => {
    const values = fc.sample(texts, 400);
    const file = (meter: string, write: (text: string) => string) =>
        [
            HEADER,
            ...values.map((text, i) => {
                const at = new Date(Date.UTC(2013, 4, 1) + i * 1_800_000).toISOString();
                return `${meter};1;${at};30;${write(text)};${UNITS[i % UNITS.length]};A;`;
            }),
            '',
        ].join('\n');
    await world.ingest('points', { 'p.csv': file('P', (text) => text) });
    await world.ingest('commas', { 'c.csv': file('C', swapped) });
    const kept = async (feed: string) =>
        world.query(
            `select cast(v.period_from as varchar) as period_from, cast(v.kwh as varchar) as kwh, v.quality
               from reading_versions as v join payloads as p using (sequence) where p.source_key = '${feed}' order by 1`,
        );
    const refused = async (feed: string) =>
        world.query(
            `select q.line_no, q.rule_ids, q.fields
               from quarantined_rows as q join payloads as p using (sequence) where p.source_key = '${feed}' order by 1`,
        );
    const [points, commas] = [await kept('p.csv'), await kept('c.csv')];
    assert.ok(points.length > 100 && points.length < 400, `${points.length} of 400 are readings`);
    assert.deepEqual(commas, points);
    assert.deepEqual(await refused('c.csv'), await refused('p.csv'));
});

test('between quotes a comma may be the delimiter, too, and the other mark stands in no number', async () => {
    const row = (minute: string, value: string) => `Q,1,2013-05-01T${minute}:00Z,30,"${value}",kWh,A,`;
    const { parsed } = await world.ingest('quoted', {
        'q.csv': `${HEADER.replaceAll(';', ',')}\n${row('00:00', '0,25')}\n${row('00:30', '3')}\n${row('01:00', '0.25')}\n${row('01:30', '1.234,5')}\n`,
    });
    assert.deepEqual([parsed.versions, parsed.quarantined], [2, 2]);
    const faulty = await world.query(
        `select q.line_no, q.rule_ids, q.original_text from quarantined_rows as q join payloads as p using (sequence)
          where p.source_key = 'q.csv' order by 1`,
    );
    assert.deepEqual(
        faulty.map((f) => `${f.line_no} ${f.rule_ids} ${f.original_text}`),
        [`4 row.value-format ${row('01:00', '0.25')}`, `5 row.value-format ${row('01:30', '1.234,5')}`],
    );
});
