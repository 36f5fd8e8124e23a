import assert from 'node:assert/strict';
import { refreshAll, replayFaulty } from '../../src/pipeline/chain.ts';
import { editReadings, withdrawEdit } from '../../src/pipeline/edit-readings.ts';
import { type ChainWorld, readingsCsv, variedContract } from '../chain/chain-world.ts';

const HOUR = 3_600_000;
const FROM = Date.parse('2013-05-01T00:00:00+01:00');
const HEADER = 'meter_id,register,read_at,minutes,value,unit,quality,version';

/** Hourly values of a meter from one hour on; a null has no row. */
function hours(meter: string, from: number, values: readonly (string | null)[]) {
    return values.flatMap((kwh, i) =>
        kwh === null ? [] : [{ meter, at: FROM + (from + i) * HOUR, minutes: 60, kwh }],
    );
}

const day = (value: string) => Array.from({ length: 24 }, () => value);

/** A home with estimates by lines, like days and registers, reads of registers, edits of which one was taken back, and a replay. */
export async function fillEstimated(world: ChainWorld, clock: { at: number }): Promise<void> {
    const { workspace } = world;
    const points = ['M1', 'M2', 'M3', 'M4'].map((meter) => `P-${meter},${meter},60,2013-05-01`);
    await world.load(
        'metering-points',
        'points.csv',
        `metering_point_id,meter_id,interval_minutes,valid_from\n${points.join('\n')}\n`,
    );
    const contract = variedContract('generic-csv', 'waits', { unknownMeter: 'wait' });
    world.contract('waits', contract);
    clock.at += HOUR;
    await world.ingest('waits', {
        'may.csv': readingsCsv([
            ...hours('M1', 0, ['0.5', null, '0.9', '0.4', ...day('0.3').slice(4), ...day('0.7')]),
            ...hours('M2', 0, [...day('0.25'), ...day('0.5').slice(12)]),
            ...hours('M3', 0, day('0.1')),
            ...hours('M4', 96, ['0.1']),
        ]),
        'coded.csv': `${HEADER}\nM3,1,2013-05-02T00:00:00Z,60,1.25,kWh,Z,\n`,
    });
    clock.at += HOUR;
    const reads = ['2013-05-01T23:00:00Z,100', '2013-05-02T23:00:00Z,130'].map(
        (read) => `M2,1,${read},kWh,A,1`,
    );
    await world.ingest('generic-register-csv', {
        'reads.csv': `meter_id,register,read_at,value,unit,quality,version\n${reads.join('\n')}\n`,
    });
    await refreshAll(workspace);
    clock.at += HOUR;
    const edited = { meter: 'M1', registerId: '1', quality: 'measured', reason: 'seen', place: {} } as const;
    await editReadings(workspace, 'Ada', [{ ...edited, from: FROM + 3 * HOUR, kwh: '1.5' }]);
    const { editNo } = await editReadings(workspace, 'Ada', [
        { ...edited, from: FROM + 4 * HOUR, kwh: '2.5' },
    ]);
    await withdrawEdit(workspace, { editNo, by: 'Ben', reason: 'no' });
    world.contract(
        'waits',
        contract
            .replace('version: 1.0.0', 'version: 2.0.0')
            .replace('E: estimated,', 'E: estimated, Z: measured,'),
    );
    clock.at += HOUR;
    assert.equal((await replayFaulty(workspace)).versions, 1);
    await refreshAll(workspace);
    for (const table of ['reading_estimates', 'register_reads', 'register_advances', 'replayed_rows']) {
        const [count] = await world.query(`select count(*) as n from ${table}`);
        assert.ok(Number(count?.n) > 0, table);
    }
}
