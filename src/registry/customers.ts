import type { KindLoader } from './master-data-kind.ts';
import { enterIdentifiers } from './references.ts';
import { refuseRepeats } from './row-reader.ts';
import { readRows } from './source-rows.ts';

/** Customers and what identifies them as persons. One row per customer. */
export const customersLoader: KindLoader = {
    read(source, settings, faults) {
        const columns = { required: ['customer_id'], optional: ['name', 'email', 'address', 'joined_on'] };
        const rows = readRows(source, settings, faults, 'customers', columns, (row) => ({
            line: row.line,
            customerId: row.id('customer_id'),
            identity: [row.text('name'), row.text('email'), row.text('address')] as const,
            joinedOn: row.date('joined_on'),
        }));
        const distinct = refuseRepeats(
            rows,
            { file: source.file, field: 'customer_id' },
            (row) => `customer ${row.customerId}`,
            faults,
        );
        return {
            columns: ['customer_id text', 'name text', 'email text', 'address text', 'joined_on date'],
            rows: distinct.map((row) => [row.line, row.customerId, ...row.identity, row.joinedOn]),
        };
    },
    async resolve(work) {
        await enterIdentifiers(work, 'customers', 'customer_id');
        await work.tx.query(
            `create temp table desired on commit drop as
             select i.line, c.customer_no, i.name, i.email, i.address, i.joined_on
             from incoming i join customers c using (customer_id)`,
        );
    },
    believed: {
        table: 'customer_identities',
        columns: ['customer_no', 'name', 'email', 'address', 'joined_on'],
        keyOf: (alias) => `${alias}.customer_no`,
    },
};
