import type { CalendarDate } from '../kernel/calendar-date.ts';
import type { Transaction } from '../store/database.ts';
import { believedAt } from './believed-table.ts';
import { type AsKnown, knownAtText } from './channel-directory.ts';

type Reader = Pick<Transaction, 'query'>;

/** Local days, half-open. */
export interface DaysAsKnown extends AsKnown {
    readonly from: CalendarDate;
    readonly to: CalendarDate;
}

export interface Agreement {
    readonly agreementNo: number;
    readonly agreementId: string;
    readonly accountNo: number;
    readonly accountId: string;
    readonly customerNo: number;
    readonly customerId: string;
    readonly meteringPointNo: number;
    readonly meteringPointId: string;
    readonly tariffNo: number;
    readonly tariffId: string;
    /** First local day of service. */
    readonly moveIn: CalendarDate;
    /** First local day without service; null: open. */
    readonly moveOut: CalendarDate | null;
}

/** Agreements that hold on some of the days, in the order of account, agreement and move-in. */
export async function readAgreements(db: Reader, { from, to, ...known }: DaysAsKnown): Promise<Agreement[]> {
    return db.query<Agreement>(
        `select v.agreement_no as "agreementNo", n.agreement_id as "agreementId",
             v.account_no as "accountNo", a.account_id as "accountId",
             c.customer_no as "customerNo", c.customer_id as "customerId",
             v.metering_point_no as "meteringPointNo", m.metering_point_id as "meteringPointId",
             v.tariff_no as "tariffNo", t.tariff_id as "tariffId",
             lower(v.valid_during) as "moveIn", upper(v.valid_during) as "moveOut"
         from agreement_versions v
             join agreements n using (agreement_no) join accounts a using (account_no)
             join account_holders h on h.account_no = v.account_no and ${believedAt('h', '$1')}
             join customers c on c.customer_no = h.customer_no
             join metering_points m on m.metering_point_no = v.metering_point_no
             join tariffs t on t.tariff_no = v.tariff_no
         where ${believedAt('v', '$1')} and v.valid_during && daterange($2, $3)
         order by a.account_id collate "C", n.agreement_id collate "C", lower(v.valid_during)`,
        [knownAtText(known), from, to],
    );
}

export interface Customer {
    readonly customerNo: number;
    readonly customerId: string;
    readonly joinedOn: CalendarDate | null;
    readonly name: string | null;
    readonly email: string | null;
    readonly address: string | null;
    /** Tariffs of the customer's agreements on `planDay`, separated by blanks; null: none. */
    readonly planId: string | null;
}

/**
 * Customers with what identifies them; for those who may see it. The columns of identity are null where nothing is believed, as after
 * erasure. With `knownAt`, those of whom something had been believed by then (or of whom nothing is known any more).
 */
export async function readCustomers(
    db: Reader,
    { planDay, ...known }: AsKnown & { readonly planDay?: CalendarDate } = {},
): Promise<Customer[]> {
    return db.query<Customer>(
        `with plans as (
             select h.customer_no, string_agg(distinct t.tariff_id, ' ' order by t.tariff_id) as plan_id
             from account_holders h join agreement_versions v using (account_no) join tariffs t using (tariff_no)
             where ${believedAt('h', '$1')} and ${believedAt('v', '$1')} and v.valid_during @> $2::date
             group by h.customer_no),
         firsts as (
             select customer_no, min(known_from) as known_from from customer_identities group by customer_no)
         select c.customer_no as "customerNo", c.customer_id as "customerId", i.joined_on as "joinedOn",
             i.name, i.email, i.address, p.plan_id as "planId"
         from customers c
             left join customer_identities i on i.customer_no = c.customer_no and ${believedAt('i', '$1')}
             left join plans p on p.customer_no = c.customer_no
             left join firsts f on f.customer_no = c.customer_no
         where $1::timestamptz is null or f.known_from is null or f.known_from <= $1
         order by c.customer_id collate "C"`,
        [knownAtText(known), planDay ?? null],
    );
}

export interface MeteringPointAttribute {
    readonly meteringPointNo: number;
    readonly meteringPointId: string;
    readonly attribute: string;
    readonly value: string;
    /** First day; null: since always. */
    readonly validFrom: CalendarDate | null;
    /** First day after; null: open. */
    readonly validTo: CalendarDate | null;
}

/** Attributes of metering points that hold on a day; without `day`, all of them with their validity. */
export async function readAttributes(
    db: Reader,
    { day, ...known }: AsKnown & { readonly day?: CalendarDate } = {},
): Promise<MeteringPointAttribute[]> {
    return db.query<MeteringPointAttribute>(
        `select v.metering_point_no as "meteringPointNo", m.metering_point_id as "meteringPointId",
             v.attribute, v.value,
             lower(v.valid_during) as "validFrom", upper(v.valid_during) as "validTo"
         from metering_point_attributes v join metering_points m using (metering_point_no)
         where ${believedAt('v', '$1')} and ($2::date is null or v.valid_during @> $2::date)
         order by m.metering_point_id collate "C", v.attribute collate "C", lower(v.valid_during) nulls first`,
        [knownAtText(known), day ?? null],
    );
}
