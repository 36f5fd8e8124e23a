import { instantText } from '../kernel/period.ts';
import {
    assignChannels,
    listChannelsOfLoad,
    refuseChangedChannels,
    takeOverChannels,
} from './channel-assignment.ts';
import type { KindLoader, LoadWork } from './master-data-kind.ts';
import { findMeterOverlaps } from './overlap-sentences.ts';
import { enterIdentifiers } from './references.ts';
import { recordChangedChannels } from './registration-changes.ts';
import { type RowReader, refuseRepeats, shown } from './row-reader.ts';
import { readRows } from './source-rows.ts';

const COLUMNS = {
    required: ['metering_point_id', 'meter_id', 'interval_minutes', 'valid_from'],
    optional: ['register', 'flow', 'valid_to', 'register_digits', 'register_multiplier'],
};
const INTERVAL_MINUTES = ['5', '10', '15', '30', '60'] as const;
const FLOWS = ['to_customer', 'from_customer'] as const;
const DEFAULT_REGISTER = '1';
const DIGITS = /^([1-9]|1[01])$/;
const MULTIPLIER = /^(?=.*[1-9])\d{1,8}(\.\d{1,4})?$/;

/** Metering points with their meters. One row per register of one meter installation. */
export const meteringPointsLoader: KindLoader = {
    read(source, settings, faults) {
        const rows = readRows(source, settings, faults, 'metering-points', COLUMNS, (row) => {
            row.requiredText('interval_minutes');
            row.requiredText('valid_from');
            const validFrom = row.instant('valid_from');
            const validTo = row.instant('valid_to');
            row.requireOrder(validFrom, validTo, 'valid_to');
            return {
                line: row.line,
                meteringPointId: row.id('metering_point_id'),
                meterId: row.id('meter_id'),
                registerId: row.id('register', DEFAULT_REGISTER),
                flow: row.oneOf('flow', FLOWS, 'to_customer'),
                intervalMinutes: row.oneOf('interval_minutes', INTERVAL_MINUTES, '30'),
                validDuring: rangeText(validFrom, validTo),
                ...dialOf(row),
            };
        });
        const keyOf = (row: (typeof rows)[number]) =>
            `register ${row.registerId} of meter ${row.meterId} at metering point ${row.meteringPointId}`;
        return {
            columns: [
                'metering_point_id text',
                'meter_id text',
                'register_id text',
                'flow text',
                'interval_minutes smallint',
                'valid_during tstzrange',
                'register_digits smallint',
                'register_multiplier numeric(12, 4)',
            ],
            rows: refuseRepeats(rows, { file: source.file, field: 'meter_id' }, keyOf, faults).map((row) => [
                row.line,
                row.meteringPointId,
                row.meterId,
                row.registerId,
                row.flow,
                Number(row.intervalMinutes),
                row.validDuring,
                row.digits,
                row.multiplier,
            ]),
        };
    },
    async resolve(work) {
        await enterIdentifiers(work, 'metering_points', 'metering_point_id');
        await enterIdentifiers(work, 'meters', 'meter_id');
        await assignChannels(work);
        await refuseChangedChannels(work);
        await makeDesired(work);
    },
    believed: {
        table: 'channel_validities',
        columns: [
            'channel_no',
            'metering_point_no',
            'meter_no',
            'register_id',
            'valid_during',
            'expected_from',
            'register_digits',
            'register_multiplier',
        ],
        keyOf: (alias) => `${alias}.channel_no`,
        hasExclusion: true,
    },
    findOverlaps: findMeterOverlaps,
    async finish(work) {
        await takeOverChannels(work);
        await recordChangedChannels(work);
        return listChannelsOfLoad(work);
    },
};

async function makeDesired({ tx }: LoadWork): Promise<void> {
    await tx.query(
        `create temp table desired on commit drop as
         select i.line, a.channel_no, a.metering_point_no, m.meter_no, i.register_id, i.valid_during,
             null::date as expected_from, i.register_digits, i.register_multiplier
         from incoming i join channel_assignment a using (row_no) join meters m using (meter_id)`,
    );
}

/** What the display of a cumulative register is like, where that is known. */
function dialOf(row: RowReader): { readonly digits: number | null; readonly multiplier: string | null } {
    const digits = row.text('register_digits');
    const multiplier = row.text('register_multiplier');
    if (digits !== null && !DIGITS.test(digits))
        row.refuse('register_digits', `is ${shown(digits)}, not a number of whole kWh digits from 1 to 11`);
    if (multiplier !== null && !MULTIPLIER.test(multiplier))
        row.refuse(
            'register_multiplier',
            `is ${shown(multiplier)}, not a number above 0 with at most 8 digits and 4 decimals`,
        );
    return { digits: digits === null ? null : Number(digits), multiplier };
}

/** A half-open range as Postgres reads it; null is unbounded. */
function rangeText(from: number | null, to: number | null): string {
    const text = (at: number | null) => (at === null ? '' : instantText(at));
    return `[${text(from)},${text(to)})`;
}
