import assert from 'node:assert/strict';
import test from 'node:test';
import { overrideModel } from '../../src/engine/compile.ts';
import type { EngineSession } from '../../src/engine/engine.ts';
import { calendarDate } from '../../src/kernel/calendar-date.ts';
import { GridtallyError } from '../../src/kernel/errors.ts';
import type { PublishedTable } from '../../src/lake/curation-job.ts';
import { refuseOtherRows } from '../../src/lake/written-rows.ts';
import { type Chain, refreshAll } from '../../src/pipeline/chain.ts';
import { openChainWorld, publishedContent, readingsCsv } from './chain-world.ts';

/** The chain over an engine that forgets the first file that it writes of a table, as a listing that is behind makes it. */
function losing(chain: Chain, table: PublishedTable): Chain {
    const { bulkEngine } = chain.lake;
    const forgetful = (session: EngineSession): EngineSession =>
        new Proxy(session, {
            get: (of, name) => {
                if (name === 'writeParts')
                    return async (...asked: Parameters<EngineSession['writeParts']>) => {
                        const files = await of.writeParts(...asked);
                        if (asked[1].includes(`/lake/${table}/`)) files[0] = undefined;
                        return files;
                    };
                const value = Reflect.get(of, name);
                return typeof value === 'function' ? value.bind(of) : value;
            },
        });
    const openSession = async (...wishes: Parameters<typeof bulkEngine.openSession>) =>
        forgetful(await bulkEngine.openSession(...wishes));
    return { ...chain, lake: { ...chain.lake, bulkEngine: { ...bulkEngine, openSession } } };
}

const LOST: readonly (readonly [PublishedTable, RegExp])[] = [
    ['reads_interval', /^reads_interval of 2013-05-01\/0 has 0 rows .* should have 96$/],
    ['reads_daily', /^reads_daily of 2013-05-01\/0 has 0 rows .* should have 2$/],
    ['reading_gaps', /^reading_gaps of 2013-05-03\/0 has 0 rows .* should have 1$/],
];

test('a file that an engine wrote and did not name is missed before anything is published', async () => {
    const world = await openChainWorld({ marketZone: 'Etc/UTC' });
    try {
        // two meters for three days, with a superseded version, a duplicate, a withdrawn reading and a gap
        const at = Date.UTC(2013, 4, 1);
        const readings = Array.from({ length: 287 }, (_, i) => ({
            meter: `M${i % 2}`,
            at: at + Math.floor(i / 2) * 1_800_000,
            kwh: `${i}.5`,
            version: 1,
        }));
        const [first, second, third] = readings;
        assert.ok(first && second && third);
        const more = [second, { ...first, kwh: '7.25', version: 2 }];
        await world.ingest('generic-csv', { 'readings.csv': readingsCsv([...readings, ...more]) });
        const { lake } = world.workspace;
        for (const [table, message] of LOST) {
            await assert.rejects(refreshAll(losing(world.workspace, table)), (error) => {
                assert.ok(error instanceof GridtallyError, String(error));
                assert.equal(error.code, 'engine.rows-differ');
                assert.match(error.message, message);
                return true;
            });
            const published = `select * from partitions where table_name not in ('reading_versions', 'channels')`;
            assert.deepEqual(await lake.db.query(published), []);
        }
        assert.equal((await refreshAll(world.workspace)).rebuilt, 3);
        const content = await publishedContent(world);
        const intervals = content.filter((line) => line.startsWith('reads_15min'));
        assert.equal(intervals.filter((line) => !line.includes(' missing ')).length, 287);
        // of a merge too, which keeps the other channels of the partition as they were
        const corrected = readingsCsv([{ ...third, kwh: '9.125', version: 3 }]);
        await world.ingest('generic-csv', { 'correction.csv': corrected });
        await assert.rejects(
            refreshAll(losing(world.workspace, 'reads_interval')),
            (error) => error instanceof GridtallyError && error.code === 'engine.rows-differ',
        );
        assert.deepEqual(await publishedContent(world), content);
        assert.equal((await refreshAll(world.workspace)).merged, 1);
    } finally {
        await world.end();
    }
});

test('a partition of which nothing at all was written is missed too', () => {
    const partition = { marketDay: calendarDate('2013-05-01'), bucket: 0 };
    const received = new Map([['2013-05-01/0', 96]]);
    assert.throws(
        () => refuseOtherRows([partition], {}, new Map(), received),
        /reads_interval of 2013-05-01\/0 has 0 rows .* should have 96$/,
    );
    refuseOtherRows([partition], {}, new Map(), new Map());
});

test('rows outside of the validity that an engine publishes all the same are missed, although as many were received', async () => {
    const world = await openChainWorld({ marketZone: 'Etc/UTC' });
    const points = (to: string) =>
        `metering_point_id,meter_id,interval_minutes,valid_from,valid_to\nP1,A,30,2013-05-01T00:00:00Z,${to}\n`;
    try {
        await world.load('metering-points', 'points.csv', points(''));
        const rows = Array.from({ length: 48 }, (_, i) => ({
            meter: 'A',
            at: Date.UTC(2013, 4, 1) + i * 1_800_000,
            kwh: '1',
        }));
        await world.ingest('generic-csv', { 'readings.csv': readingsCsv(rows) });
        await world.load('metering-points', 'ended.csv', points('2013-05-01T12:00:00Z'));
        const forget = overrideModel('curation/winning_versions', (text) =>
            text.replace("ref('job_versions')", "ref('partition_versions')"),
        );
        try {
            await assert.rejects(
                refreshAll(world.workspace),
                /reads_interval of 2013-05-01\/0 has 48 rows .* should have 24$/,
            );
        } finally {
            forget();
        }
        assert.equal((await refreshAll(world.workspace)).rebuilt, 1);
        const [day] = await world.query('select row_count, measured_count from reads_daily');
        assert.deepEqual(day, { row_count: 24, measured_count: 24 });
    } finally {
        await world.end();
    }
});
