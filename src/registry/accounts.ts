import type { KindLoader } from './master-data-kind.ts';
import { enterIdentifiers, refuseUnknown } from './references.ts';
import { refuseRepeats } from './row-reader.ts';
import { readRows } from './source-rows.ts';

/** Accounts and whose they are. One row per account. */
export const accountsLoader: KindLoader = {
    read(source, settings, faults) {
        const columns = { required: ['account_id', 'customer_id'], optional: [] };
        const rows = readRows(source, settings, faults, 'accounts', columns, (row) => ({
            line: row.line,
            accountId: row.id('account_id'),
            customerId: row.id('customer_id'),
        }));
        const distinct = refuseRepeats(
            rows,
            { file: source.file, field: 'account_id' },
            (row) => `account ${row.accountId}`,
            faults,
        );
        return {
            columns: ['account_id text', 'customer_id text'],
            rows: distinct.map((row) => [row.line, row.accountId, row.customerId]),
        };
    },
    async resolve(work) {
        await refuseUnknown(work, [
            { column: 'customer_id', table: 'customers', what: 'customer', kind: 'customers' },
        ]);
        await enterIdentifiers(work, 'accounts', 'account_id');
        await work.tx.query(
            `create temp table desired on commit drop as
             select i.line, a.account_no, c.customer_no
             from incoming i join accounts a using (account_id) join customers c using (customer_id)`,
        );
    },
    believed: {
        table: 'account_holders',
        columns: ['account_no', 'customer_no'],
        keyOf: (alias) => `${alias}.account_no`,
    },
};
