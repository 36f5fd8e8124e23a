import type { KindLoader } from './master-data-kind.ts';
import { findAgreementOverlaps } from './overlap-sentences.ts';
import { enterIdentifiers, refuseUnknown } from './references.ts';
import { refuseRepeats } from './row-reader.ts';
import { readRows } from './source-rows.ts';

const COLUMNS = {
    required: ['agreement_id', 'account_id', 'metering_point_id', 'tariff_id', 'move_in'],
    optional: ['move_out'],
};

/** Agreements: an account takes energy at a metering point on a tariff. One row per agreement. */
export const agreementsLoader: KindLoader = {
    read(source, settings, faults) {
        const rows = readRows(source, settings, faults, 'agreements', COLUMNS, (row) => {
            const moveIn = row.requiredDate('move_in');
            const moveOut = row.date('move_out');
            row.requireOrder(moveIn, moveOut, 'move_out');
            return {
                line: row.line,
                agreementId: row.id('agreement_id'),
                accountId: row.id('account_id'),
                meteringPointId: row.id('metering_point_id'),
                tariffId: row.id('tariff_id'),
                validDuring: `[${moveIn},${moveOut ?? ''})`,
            };
        });
        return {
            columns: [
                'agreement_id text',
                'account_id text',
                'metering_point_id text',
                'tariff_id text',
                'valid_during daterange',
            ],
            rows: refuseRepeats(
                rows,
                { file: source.file, field: 'agreement_id' },
                (row) => `agreement ${row.agreementId}`,
                faults,
            ).map((row) => [
                row.line,
                row.agreementId,
                row.accountId,
                row.meteringPointId,
                row.tariffId,
                row.validDuring,
            ]),
        };
    },
    async resolve(work) {
        await refuseUnknown(work, [
            { column: 'account_id', table: 'accounts', what: 'account', kind: 'accounts' },
            {
                column: 'metering_point_id',
                table: 'metering_points',
                what: 'metering point',
                kind: 'metering-points',
            },
            { column: 'tariff_id', table: 'tariffs', what: 'tariff', kind: 'tariffs' },
        ]);
        await enterIdentifiers(work, 'agreements', 'agreement_id');
        await work.tx.query(
            `create temp table desired on commit drop as
             select i.line, a.agreement_no, c.account_no, m.metering_point_no, t.tariff_no, i.valid_during
             from incoming i join agreements a using (agreement_id) join accounts c using (account_id)
                 join metering_points m using (metering_point_id) join tariffs t using (tariff_id)`,
        );
    },
    believed: {
        table: 'agreement_versions',
        columns: ['agreement_no', 'account_no', 'metering_point_no', 'tariff_no', 'valid_during'],
        keyOf: (alias) => `${alias}.agreement_no`,
        hasExclusion: true,
    },
    findOverlaps: findAgreementOverlaps,
};
