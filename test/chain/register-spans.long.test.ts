// test limit: 420 s
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { calendarDate } from '../../src/kernel/calendar-date.ts';
import { marketDayOf } from '../../src/kernel/market-day.ts';
import { instantText } from '../../src/kernel/period.ts';
import { zoneOf } from '../../src/kernel/zone.ts';
import { planRefreshOf, refreshAll } from '../../src/pipeline/chain.ts';
import { randomNumbers } from '../random-numbers.ts';
import { type ChainWorld, openChainWorld, type ReadingRow } from './chain-world.ts';
import { type Measured, naiveEstimates } from './naive-estimates.ts';
import {
    advancesOf,
    type NaiveRegister,
    type NaiveSpan,
    naiveRules,
    naiveSpans,
    naiveVerdict,
    type ShownRead,
} from './naive-spans.ts';
import { ingestReads, type RegisterRead } from './register-world.ts';
import { addHistoryFeed, DAY, HALF_HOUR, ingestRows, MONDAY } from './validation-world.ts';

const LONDON = zoneOf('Europe/London');
const END = MONDAY + 28 * DAY;
/** Within a half-hour's grid, but not at midnight. */
const EXCHANGE = MONDAY + 12 * DAY + 21 * HALF_HOUR;
const MICRO = 1_000_000n;

interface Meter {
    readonly id: string;
    readonly point: string;
    readonly from: number;
    readonly to: number;
    readonly register: NaiveRegister;
    /** What the register shows in the beginning. */
    readonly first: bigint;
}

const meter = (
    id: string,
    register: Partial<NaiveRegister>,
    first: bigint,
    part: Partial<Meter> = {},
): Meter => ({
    ...{ id, point: `P-${id}`, from: MONDAY, to: END, first: first * MICRO },
    register: { watts: 100_000n, isRated: register.watts !== undefined, ...register },
    ...part,
});

/** A half-hour takes up to 0.5 kWh: 12 kWh on a day, so the register of each but the second rolls over or does not by what it began with. */
const METERS: readonly Meter[] = [
    meter('ROLL', { digits: 4, watts: 700n }, 9_900n),
    meter('PLAIN', {}, 40n),
    meter('TIMES', { digits: 5, multiplier: 25_000n, watts: 2_000n }, 99_960n),
    meter('OLD', { digits: 4, watts: 700n }, 9_950n, { point: 'P-X', to: EXCHANGE }),
    meter('NEW', { digits: 4, watts: 700n }, 9_930n, { point: 'P-X', from: EXCHANGE }),
    meter('ALONE', { digits: 3 }, 900n),
];

interface Case extends Meter {
    readonly rows: readonly ReadingRow[];
    readonly measured: Measured;
    readonly shown: readonly ShownRead[];
    readonly deliveries: readonly RegisterRead[];
}

const textOf = (micro: bigint | number) => (Number(micro) / 1e6).toFixed(6);

function randomCase(of: Meter, seed: number): Case {
    const random = randomNumbers(seed);
    const measured = new Map<number, number>();
    const counted = new Map<number, bigint>();
    const rows: ReadingRow[] = [];
    const range = of.register.digits === undefined ? undefined : MICRO * 10n ** BigInt(of.register.digits);
    let index = of.first;
    for (let at = of.from, gapTo = 0; at < of.to; at += HALF_HOUR) {
        counted.set(at, index);
        const micro = Math.floor(random() * 500_000);
        index += (BigInt(micro) * 10_000n) / (of.register.multiplier ?? 10_000n);
        if (at > of.from && at >= gapTo && random() < 0.006)
            gapTo = at + (1 + Math.floor(random() * (random() < 0.6 ? 4 : 70))) * HALF_HOUR;
        if (at < gapTo) continue;
        measured.set(at, micro);
        rows.push({ meter: of.id, at, kwh: textOf(micro) });
    }
    counted.set(of.to, index);
    return { ...of, rows, measured, ...randomReads(of, counted, range, random) };
}

/** More than half are estimates of the vendor, many of them far off; some measured reads are wrong, and some reads come in versions. */
function randomReads(
    { id, from, to }: Meter,
    counted: ReadonlyMap<number, bigint>,
    range: bigint | undefined,
    random: () => number,
): Pick<Case, 'shown' | 'deliveries'> {
    const shown: ShownRead[] = [];
    const deliveries: RegisterRead[] = [];
    const shift = (most: number) => BigInt(Math.floor((random() - 0.4) * most * 1e6));
    for (let at = from; at <= to - 2 * HALF_HOUR; ) {
        const truth = counted.get(Math.floor(at / HALF_HOUR) * HALF_HOUR) ?? 0n;
        const isEstimated = random() < 0.55;
        const wrong = isEstimated ? shift(random() < 0.5 ? 30 : 900) : random() < 0.25 ? shift(60) : 0n;
        const raw = truth + wrong < 0n ? 0n : truth + wrong;
        const index = range === undefined ? raw : raw % range;
        const quality = isEstimated ? 'estimated' : 'measured';
        const deliver = (part: Partial<RegisterRead>) =>
            deliveries.push({ meter: id, at, kwh: textOf(index), quality: isEstimated ? 'E' : 'A', ...part });
        const fate = random();
        if (fate < 0.1) deliver({ kwh: '7.25', quality: 'E', version: 1 });
        if (fate > 0.2 || fate < 0.1) deliver({ version: 2 });
        if (fate >= 0.1 && fate <= 0.2) {
            deliver({ version: 1 });
            deliver({ kwh: '', quality: 'W', version: 3 });
        } else shown.push({ at, index, quality });
        at +=
            random() < 0.4
                ? (1 + Math.floor(random() * 90)) * HALF_HOUR
                : 60_000 * Math.floor(300 + random() * 4000);
    }
    return { shown, deliveries };
}

function inAnyOrder<T>(list: readonly T[], parts: number, seed: number): T[][] {
    const random = randomNumbers(seed);
    const found = Array.from({ length: parts }, (): T[] => []);
    for (const one of list) found[Math.floor(random() * parts)]?.push(one);
    return found
        .map((part) => part.map((one) => ({ one, at: random() })).sort((a, b) => a.at - b.at))
        .map((part) => part.map(({ one }) => one));
}

let world: ChainWorld;
const cases = METERS.map((of, i) => randomCase(of, 64 + i));

before(async () => {
    world = await openChainWorld({ marketZone: 'Europe/London', bucketSize: 16, estimates: true });
    addHistoryFeed(world);
    const points = METERS.map(({ id, point, from, to, register: { digits, multiplier } }) =>
        [
            ...[point, id, 1, 30, instantText(from), to === END ? '' : instantText(to), digits ?? ''],
            multiplier === undefined ? '' : Number(multiplier) / 10_000,
        ].join(','),
    );
    await world.load(
        'metering-points',
        'points.csv',
        `metering_point_id,meter_id,register,interval_minutes,valid_from,valid_to,register_digits,register_multiplier\n${points.join('\n')}\n`,
    );
    const rated = METERS.flatMap(({ point, register: { watts, isRated } }) =>
        !isRated ? [] : [`${point},${Number(watts) / 1000}`],
    );
    await world.load(
        'attributes',
        'rated.csv',
        `metering_point_id,rated_kw\n${[...new Set(rated)].join('\n')}\n`,
    );
    const parts = 6;
    // one delivery of a payload holds one version of a read
    const rows = inAnyOrder(
        cases.flatMap((one) => one.rows),
        parts,
        3,
    );
    const reads = inAnyOrder(
        cases.flatMap((one) => one.deliveries),
        parts,
        4,
    );
    for (let i = 0; i < parts; i++) {
        await ingestRows(world, rows[i] ?? []);
        await ingestReads(world, reads[i] ?? []);
        if (i % 2 === 1) await refreshAll(world.workspace);
    }
    assert.deepEqual((await planRefreshOf(world.workspace)).rebuilds, []);
});
after(() => world.end());

/** Value and method, or quality, of each interval by its instant. */
async function published(id: string): Promise<Map<number, readonly [number, string]>> {
    const rows = await world.query(
        `select epoch_ms(period_from) as at, cast(kwh * 1000000 as bigint) as micro,
                case when feed_id is null then source_code else quality end as what
           from reads_interval where meter_id = '${id}' order by 1`,
    );
    return new Map(rows.map((row) => [Number(row.at), [Number(row.micro), String(row.what)]]));
}

const textOfSpan = (
    span: NaiveSpan,
    { verdict, measured, expected, off }: ReturnType<typeof naiveVerdict>,
) => {
    const { from, to, skipped, kind, advance } = span;
    return [
        ...[instantText(from), instantText(to), skipped, kind, advance === undefined ? '-' : textOf(advance)],
        ...[verdict, `${measured}/${expected}`, off === undefined ? '-' : textOf(off)],
        naiveRules(span, verdict).join(',') || '-',
    ].join(' ');
};

async function advances(id: string): Promise<string[]> {
    const rows = await world.query(
        `select epoch_ms(read_from) as a, epoch_ms(read_to) as b, * from register_advances where meter_id = '${id}' order by 1, 2`,
    );
    return rows.map((r) =>
        [
            ...[
                instantText(Number(r.a)),
                instantText(Number(r.b)),
                r.skipped_reads,
                r.kind,
                r.advance_kwh ?? '-',
            ],
            ...[
                r.verdict,
                `${r.measured_count}/${r.expected_count}`,
                r.difference_kwh ?? '-',
                r.flags ?? '-',
            ],
        ].join(' '),
    );
}

test('advances over any sequence of measured and estimated reads are what a second computation says, a pair at a time', async () => {
    const kinds = new Set<string>();
    for (const { id, shown, register, measured } of cases) {
        const read = await published(id);
        const values = new Map([...read].map(([at, [micro]]) => [at, micro]));
        const spans = naiveSpans(shown, register);
        const expected = spans.map((span) => textOfSpan(span, naiveVerdict(span, measured, values)));
        assert.deepEqual(await advances(id), expected, id);
        for (const span of spans)
            kinds.add(`${span.skipped > 0} ${span.kind} ${naiveVerdict(span, measured, values).verdict}`);
    }
    const rules = cases.flatMap(({ shown, register }) =>
        naiveSpans(shown, register).flatMap((span) => naiveRules(span, '')),
    );
    assert.ok(rules.includes('vee.register-maximum'), 'an advance beyond the rated power');
    for (const kind of [
        ...['true normal passed', 'true normal failed', 'true normal incomplete', 'true reverse reverse'],
        ...['true rollover passed', 'true rollover incomplete'],
        ...['false unsettled estimated-read', 'false reverse reverse', 'false normal estimated-read'],
    ])
        assert.ok(kinds.has(kind), `${kind} is not among ${[...kinds].sort().join(', ')}`);
});

test('estimates are scaled to what a second computation finds counted between measured reads, over whatever the vendor guessed in between', async () => {
    const methods: string[] = [];
    let skipping = 0;
    for (const { id, from, to, shown, register, measured } of cases) {
        const spans = naiveSpans(shown, register);
        const estimates = naiveEstimates(
            {
                measured,
                advances: advancesOf(spans),
                isGap: (at) => at >= from && at < to && !measured.has(at),
            },
            LONDON,
            {
                first: marketDayOf(LONDON, from),
                // the newest day is not estimated
                end: calendarDate(marketDayOf(LONDON, END - 1)),
            },
        );
        const expected = new Map<number, readonly [number, string]>();
        for (const [at, micro] of measured) expected.set(at, [micro, 'measured']);
        for (const [at, { micro, method }] of estimates) expected.set(at, [micro, method]);
        const texts = (all: ReadonlyMap<number, readonly [number, string]>) =>
            [...all]
                .sort(([a], [b]) => a - b)
                .map(([at, value]) => `${id} ${instantText(at)} ${value.join(' ')}`);
        assert.deepEqual(texts(await published(id)), texts(expected));
        methods.push(...[...estimates.values()].map(({ method }) => method));
        skipping += [...estimates].filter(
            ([at, { method }]) =>
                method === 'register-scaled' &&
                spans.some((s) => s.skipped > 0 && s.isMeasured && s.from <= at && at < s.to),
        ).length;
    }
    assert.deepEqual([...new Set(methods)].sort(), ['flat', 'like-day', 'linear', 'register-scaled']);
    assert.ok(skipping > 20, `${skipping} are scaled over estimated reads`);
});
