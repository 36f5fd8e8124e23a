// test limit: 900 s
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { calendarDate } from '../../src/kernel/calendar-date.ts';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { draftPeriod } from '../../src/pipeline/draft-period.ts';
import { EVERY_FLAW } from '../../src/simulate/flaws.ts';
import { publishedContent, readingsCsv } from '../chain/chain-world.ts';
import { checkLclCase } from '../chain/lcl-case.ts';
import { LCL_SKIP } from '../chain/lcl-files.ts';
import { compareTown } from '../chain/town-comparison.ts';
import { openTown, type TownWorld } from '../chain/town-run.ts';
import { SPARK_SKIP } from './spark-cache.ts';
import { type SparkServer, sharedSparkServer } from './spark-server.ts';

const skip = SPARK_SKIP;

let server: Pick<SparkServer, 'address' | 'end'>;

before(async () => {
    if (!skip) server = await sharedSparkServer();
});

after(async () => {
    await server?.end();
});

const TOWN = {
    marketZone: 'Europe/London',
    flaws: { ...EVERY_FLAW, exchanged: 0.4, moved: 0.4 },
    seed: 'spark',
    homes: 24,
    from: '2013-03-25',
    to: '2013-04-04',
    minutes: 'mixed',
    feed: 'generic-csv',
    compress: 'gzip',
    bucketSize: 16,
} as const;

test('a town with every flaw is published as it truly was, and billed alike, when the home names a server', {
    skip,
}, async () => {
    const onDuckdb = await openTown(TOWN);
    const onSpark = await openTown({ ...TOWN, engine: server.address });
    try {
        assert.deepEqual(await compareTown(onSpark, TOWN.marketZone), []);
        await assertEqualHomes(onSpark, onDuckdb);
        assert.ok((await billLines(onSpark)).length > 50);
        // a correction of one reading, which merges; then what no engine has to do
        for (const town of [onDuckdb, onSpark]) await correct(town);
        await assertEqualHomes(onSpark, onDuckdb);
        for (const town of [onDuckdb, onSpark]) assert.equal((await refreshAll(town.workspace)).rebuilt, 0);
    } finally {
        await onSpark.end();
        await onDuckdb.end();
    }
});

async function assertEqualHomes(one: TownWorld, other: TownWorld): Promise<void> {
    const [a, b] = [await publishedContent(one), await publishedContent(other)];
    assert.ok(a.length > 1000);
    assert.deepEqual(a, b);
    assert.deepEqual(await billLines(one), await billLines(other));
}

async function billLines(town: TownWorld): Promise<unknown[]> {
    await draftPeriod(town.workspace, { from: calendarDate('2013-03-25'), to: calendarDate('2013-04-04') });
    return town.workspace.lake.db.query(
        `select m.metering_point_id, l.charge, l.band, l.service_from, l.service_to, l.quantity::text, l.amount_exact::text, l.amount::text
           from bill_lines l join metering_points m using (metering_point_no)
          order by 1, 2, 3 nulls first, 4, 5, 6`,
    );
}

async function correct(town: TownWorld): Promise<void> {
    const [reading] = await town.query(
        `select meter_id, register_id, epoch_ms(read_at) as at_ms, minutes, kwh from reads_15min
          where quality_flag = 'good' order by meter_id, register_id, read_at limit 1`,
    );
    assert.ok(reading);
    const row = {
        meter: String(reading.meter_id),
        at: Number(reading.at_ms),
        minutes: Number(reading.minutes),
        kwh: '77.125',
        version: 99,
    };
    const text = readingsCsv([row]).replace(`${row.meter},1,`, `${row.meter},${reading.register_id},`);
    const { parsed } = await town.ingest('town', { 'correction.csv': text });
    assert.deepEqual([parsed.quarantined, parsed.waiting], [0, 0]);
    const result = await refreshAll(town.workspace);
    assert.deepEqual([result.rebuilt, result.merged, result.changedChannelDays], [0, 1, 1]);
}

test(
    'sixty real homes give the same figures, with no change but the address of the engine',
    { skip: skip || LCL_SKIP },
    () => checkLclCase(server.address),
);
