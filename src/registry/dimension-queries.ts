import type { Dimension } from '../contracts/lake-tables.ts';
import type { Database } from '../store/database.ts';
import { believedAt } from './believed-table.ts';
import type { MasterDataKind } from './master-data-kind.ts';

/** How a dimension is read whole; channels are read by `channelDirectory`. */
export interface DimensionQuery {
    /** Gives the columns of the dimension, in a total order; $1 is an instant, or null for what is believed now. */
    readonly text: string;
    /** Loads of these kinds change it, and nothing else does. */
    readonly changedBy: readonly MasterDataKind[];
}

export type QueriedDimension = Exclude<Dimension, 'channels'>;

export const DIMENSION_QUERIES: Readonly<Record<QueriedDimension, DimensionQuery>> = {
    agreements: {
        changedBy: ['accounts', 'agreements'],
        text: `
            select a.agreement_id, c.account_id, u.customer_id, m.metering_point_id, t.tariff_id,
                   lower(v.valid_during) as move_in, upper(v.valid_during) as move_out
              from agreement_versions v join agreements a using (agreement_no) join accounts c using (account_no)
              left join account_holders h on h.account_no = c.account_no and ${believedAt('h', '$1')}
              left join customers u on u.customer_no = h.customer_no
              join metering_points m using (metering_point_no) join tariffs t using (tariff_no)
             where ${believedAt('v', '$1')} order by a.agreement_id collate "C", lower(v.valid_during)`,
    },
    metering_point_attributes: {
        changedBy: ['attributes'],
        text: `
            select m.metering_point_id, a.attribute, a.value, lower(a.valid_during) as valid_from, upper(a.valid_during) as valid_to
              from metering_point_attributes a join metering_points m using (metering_point_no)
             where ${believedAt('a', '$1')}
             order by m.metering_point_id collate "C", a.attribute collate "C", lower(a.valid_during) nulls first`,
    },
    tariffs: {
        changedBy: ['tariffs'],
        text: `
            select t.tariff_id as plan_id, v.name, p.kwh_price, p.fixed_charge, lower(v.valid_during) as valid_from,
                   upper(v.valid_during) as valid_to, v.structure
              from tariff_versions v join tariffs t using (tariff_no)
              cross join lateral (
                  select case when bool_and(c ->> 'kind' in ('subscription', 'energy-flat'))
                              then sum((c ->> 'pricePerKwh')::numeric) end as kwh_price,
                         coalesce(sum((c ->> 'pricePerDay')::numeric), 0) as fixed_charge
                    from jsonb_array_elements(v.structure -> 'charges') as c) p
             where ${believedAt('v', '$1')} order by t.tariff_id collate "C", lower(v.valid_during)`,
    },
};

export const QUERIED_DIMENSIONS = Object.keys(DIMENSION_QUERIES) as QueriedDimension[];

/** Says which loads of these kinds are believed: changes with each that says something new. Loads commit in the order of their numbers. */
export async function loadsVersion(
    db: Pick<Database, 'query'>,
    kinds: readonly MasterDataKind[],
): Promise<string> {
    const rows = await db.query<{ version: string }>(
        `select count(*) || ':' || coalesce(max(load_no), 0) as version from loads where kind = any ($1)`,
        [kinds],
    );
    return rows[0]?.version ?? '0:0';
}
