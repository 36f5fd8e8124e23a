import { type History, historyTable, makeDesiredHistory } from './history.ts';
import type { ChannelsOfLoad, KindLoader, LoadWork } from './master-data-kind.ts';
import { findAttributeOverlaps } from './overlap-sentences.ts';
import { refuseUnknown } from './references.ts';
import { type ColumnRules, type RowReader, refuseRepeats } from './row-reader.ts';
import { readRows } from './source-rows.ts';

const HISTORY: History = {
    table: 'metering_point_attributes',
    subject: ['metering_point_no', 'attribute'],
    says: ['value'],
};
const RESERVED = ['metering_point_id', 'valid_from', 'valid_to'];
const ATTRIBUTE_NAME = /^[a-z][a-z0-9_]*$/;

/** One column for each attribute, or `attribute` and `value` with one row for each. */
function columnsOf(found: readonly string[]): ColumnRules {
    const isLong = found.includes('attribute') || found.includes('value');
    if (isLong)
        return {
            required: ['metering_point_id', 'attribute', 'value'],
            optional: ['valid_from', 'valid_to'],
        };
    const attributes = found.filter((column) => !RESERVED.includes(column) && ATTRIBUTE_NAME.test(column));
    return { required: ['metering_point_id'], optional: ['valid_from', 'valid_to', ...attributes] };
}

/** What a row says about its metering point: an attribute with a blank field is not said. */
function pairsOf(
    row: RowReader,
    columns: readonly string[],
): (readonly [attribute: string, value: string])[] {
    if (!columns.includes('attribute')) {
        return columns
            .filter((column) => !RESERVED.includes(column))
            .flatMap((column) => {
                const value = row.text(column);
                return value === null ? [] : [[column, value] as const];
            });
    }
    const attribute = row.id('attribute');
    if (attribute !== '' && !ATTRIBUTE_NAME.test(attribute)) {
        row.refuse('attribute', 'is not lower-case letters, digits and underscores');
    }
    return [[attribute, row.requiredText('value')]];
}

/** Enters on which market days of which buckets an attribute says something else than before, as few ranges as say so. */
async function recordChangedAttributes({ tx, settings, knownAt }: LoadWork): Promise<ChannelsOfLoad> {
    await tx.query(
        `insert into attribute_changes (bucket, attribute, days, changed_at)
         select bucket, attribute, unnest(range_agg(days)), $1
           from (
               select distinct c.channel_no / $2::integer as bucket, p.attribute, d.days
                 from belief_plan p
                 left join metering_point_attributes b
                   on b.known_to = $1 and b.metering_point_no = p.metering_point_no and b.attribute = p.attribute
                  and lower(b.valid_during) is not distinct from lower(p.valid_during)
                 join channel_validities c on c.metering_point_no = p.metering_point_no and c.known_to is null
                 cross join lateral unnest(case
                     when b.value = p.value
                     then (datemultirange(b.valid_during) - datemultirange(p.valid_during))
                        + (datemultirange(p.valid_during) - datemultirange(b.valid_during))
                     else datemultirange(p.valid_during) + coalesce(datemultirange(b.valid_during), '{}')
                 end) as d (days)
                where not p.is_same
           ) as changes
          group by bucket, attribute order by bucket, attribute`,
        [knownAt, settings.bucketSize],
    );
    return { registeredChannels: [], takenOverChannels: [] };
}

/** Attributes of metering points with their own validity. One row per metering point, attribute and beginning. */
export const attributesLoader: KindLoader = {
    read(source, settings, faults) {
        const rows = readRows(source, settings, faults, 'attributes', columnsOf, (row, table) => {
            const validFrom = row.date('valid_from');
            const validTo = row.date('valid_to');
            row.requireOrder(validFrom, validTo, 'valid_to');
            const common = {
                line: row.line,
                meteringPointId: row.id('metering_point_id'),
                validFrom,
                validTo,
            };
            return pairsOf(row, table.columns).map(([attribute, value]) => ({ ...common, attribute, value }));
        }).flat();
        const keyOf = (row: (typeof rows)[number]) =>
            `${row.attribute} of ${row.meteringPointId} from ${row.validFrom ?? 'always'}`;
        return {
            columns: [
                'metering_point_id text',
                'attribute text',
                'value text',
                'valid_from date',
                'valid_to date',
            ],
            rows: refuseRepeats(rows, { file: source.file, field: 'attribute' }, keyOf, faults).map((row) => [
                row.line,
                row.meteringPointId,
                row.attribute,
                row.value,
                row.validFrom,
                row.validTo,
            ]),
        };
    },
    async resolve(work) {
        await refuseUnknown(work, [
            {
                column: 'metering_point_id',
                table: 'metering_points',
                what: 'metering point',
                kind: 'metering-points',
            },
        ]);
        await work.tx.query(
            `create temp table versions on commit drop as
             select i.line, m.metering_point_no, i.attribute, i.value, i.valid_from, i.valid_to
             from incoming i join metering_points m using (metering_point_id)`,
        );
        await makeDesiredHistory(work, HISTORY);
    },
    believed: historyTable(HISTORY),
    findOverlaps: findAttributeOverlaps,
    finish: recordChangedAttributes,
};
