import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CalendarDate, calendarDate } from '../kernel/calendar-date.ts';
import { marketDayOf } from '../kernel/market-day.ts';
import { instantText } from '../kernel/period.ts';
import { formatYaml } from '../kernel/yaml-document.ts';
import type { TownHome } from './homes.ts';
import { randomStream } from './random-stream.ts';
import { calendarDocument, HOLIDAY_SET, tariffDocument } from './tariff-documents.ts';
import { listHolidays } from './town-calendar.ts';
import type { TownPlan } from './town-options.ts';

/**
 * Writes `master/`, in the columns that `gridtally load` takes, and `master-late/` for the homes that are registered after all
 * deliveries. Where the feed registers the meters neither has a file of metering points.
 */
export function writeMasterFiles(plan: TownPlan, homes: readonly TownHome[]): void {
    const late = homes.filter((home) => home.isLate);
    writeHomes(
        plan,
        join(plan.outFolder, 'master'),
        homes.filter((home) => !home.isLate),
    );
    if (late.length > 0) writeHomes(plan, join(plan.outFolder, 'master-late'), late);
    const master = join(plan.outFolder, 'master');
    // Whole years: a calendar that names a set without a day is refused.
    const holidays = listHolidays(...yearsAround(plan.from, plan.to));
    const rows = holidays.map(({ date, name }) => [HOLIDAY_SET, date, name]);
    writeCsv(master, 'holidays', ['holiday_set', 'date', 'name'], rows);
    writeFileSync(join(master, 'calendars.yaml'), formatYaml(calendarDocument(plan.from)));
    writeFileSync(
        join(master, 'tariffs.yaml'),
        formatYaml(tariffDocument(plan.currency, plan.from, plan.to)),
    );
}

function yearsAround(from: CalendarDate, to: CalendarDate): [CalendarDate, CalendarDate] {
    const nextYear = Number(to.slice(0, 4)) + 1;
    return [calendarDate(`${from.slice(0, 4)}-01-01`), calendarDate(`${nextYear}-01-01`)];
}

interface Holder {
    readonly customerId: string;
    readonly accountId: string;
    readonly joinedOn: CalendarDate;
}

function writeHomes(plan: TownPlan, folder: string, homes: readonly TownHome[]): void {
    mkdirSync(folder, { recursive: true });
    const holders = uniqueHolders(homes.flatMap((home) => holdersOf(plan, home)));
    writeCsv(
        folder,
        'customers',
        ['customer_id', 'name', 'email', 'address', 'joined_on'],
        holders.map((holder) => customerRow(plan, holder)),
    );
    const accounts = holders.map(({ accountId, customerId }) => [accountId, customerId]);
    writeCsv(folder, 'accounts', ['account_id', 'customer_id'], accounts);
    if (!plan.isRegisteredByLoad) return;
    const points = ['metering_point_id', 'meter_id', 'register', 'flow', 'interval_minutes'];
    writeCsv(folder, 'metering-points', [...points, 'valid_from', 'valid_to'], homes.flatMap(meterRows));
    const parties = ['agreement_id', 'account_id', 'metering_point_id', 'tariff_id', 'move_in', 'move_out'];
    writeCsv(
        folder,
        'agreements',
        parties,
        homes.flatMap((home) => agreementRows(plan, home)),
    );
    const attributes = ['metering_point_id', 'attribute', 'value', 'valid_from', 'valid_to'];
    writeCsv(
        folder,
        'attributes',
        attributes,
        homes.flatMap((home) => attributeRows(plan, home)),
    );
}

/** Who holds the home's agreements, one after the other. */
function holdersOf(plan: TownPlan, home: TownHome): Holder[] {
    const from = firstDateOf(plan, home);
    const first = holder(home.sharesAccount ? home.index - 1 : home.index, 'A', from);
    return home.movedOn === undefined ? [first] : [first, holder(home.index, 'B', home.movedOn.date)];
}

function holder(index: number, letter: string, joinedOn: CalendarDate): Holder {
    const number = String(index + 1).padStart(6, '0');
    return { customerId: `C${number}${letter}`, accountId: `ACC${number}${letter}`, joinedOn };
}

function uniqueHolders(holders: readonly Holder[]): Holder[] {
    const seen = new Set<string>();
    return holders.filter(({ accountId }) => !seen.has(accountId) && seen.add(accountId));
}

function customerRow(plan: TownPlan, { customerId, joinedOn }: Holder): string[] {
    const random = randomStream(plan.seed, 'customer', customerId);
    const first = random.pick(['Ada', 'Ben', 'Chloe', 'Dev', 'Elif', 'Finn', 'Grace', 'Hana', 'Ivo', 'Jo']);
    const last = random.pick([
        'Ash',
        'Birch',
        'Cedar',
        'Elm',
        'Fir',
        'Hazel',
        'Larch',
        'Maple',
        'Oak',
        'Rowan',
    ]);
    const street = random.pick(['Mill Lane', 'Station Road', 'High Street', 'Park View', 'Canal Row']);
    const address = `${random.between(1, 180)} ${street}`;
    return [customerId, `${first} ${last}`, `${customerId.toLowerCase()}@example.com`, address, joinedOn];
}

function meterRows(home: TownHome): string[][] {
    return home.channels.map((channel) => [
        home.meteringPointId,
        channel.meterId,
        channel.register,
        channel.flow,
        String(home.minutes),
        instantText(channel.validFrom),
        channel.isLast ? '' : instantText(channel.validTo),
    ]);
}

function agreementRows(plan: TownPlan, home: TownHome): string[][] {
    const holders = holdersOf(plan, home);
    return holders.map(({ accountId, joinedOn }, part) => [
        `AG${String(home.index + 1).padStart(6, '0')}-${part + 1}`,
        accountId,
        home.meteringPointId,
        home.tariffId,
        joinedOn,
        holders[part + 1]?.joinedOn ?? '',
    ]);
}

function attributeRows(plan: TownPlan, home: TownHome): string[][] {
    const from = firstDateOf(plan, home);
    const point = home.meteringPointId;
    const always = (attribute: string, value: string) => [point, attribute, value, from, ''];
    const rows = [
        always('region', home.region),
        always('grid_supply_point_group', `_${home.region.slice(0, 1).toUpperCase()}`),
        always('connection_type', 'whole_current'),
        always('domestic', String(home.kind.isDomestic)),
    ];
    if (home.movedOn === undefined) return [...rows, always('supplier', 'SUP1')];
    const { date } = home.movedOn;
    // Who moves in takes another supplier: an attribute that changes in the middle of a month.
    return [...rows, [point, 'supplier', 'SUP1', from, date], [point, 'supplier', 'SUP2', date, '']];
}

function firstDateOf(plan: TownPlan, home: TownHome): CalendarDate {
    const from = home.channels[0]?.validFrom;
    return from === undefined ? plan.from : marketDayOf(plan.zone, from);
}

function writeCsv(folder: string, name: string, header: readonly string[], rows: readonly string[][]): void {
    const lines = [header, ...rows].map((fields) => `${fields.join(',')}\n`);
    writeFileSync(join(folder, `${name}.csv`), lines.join(''));
}
