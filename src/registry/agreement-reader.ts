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
}

/**
 * Customers with what identifies them; for those who may see it. The columns of identity are null where nothing is believed, as after
 * erasure.
 */
export async function readCustomers(db: Reader, known: AsKnown = {}): Promise<Customer[]> {
    return db.query<Customer>(
        `select c.customer_no as "customerNo", c.customer_id as "customerId", i.joined_on as "joinedOn",
             i.name, i.email, i.address
         from customers c
             left join customer_identities i on i.customer_no = c.customer_no and ${believedAt('i', '$1')}
         order by c.customer_id collate "C"`,
        [knownAtText(known)],
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
