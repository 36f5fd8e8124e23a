import type { InputFault } from '../kernel/errors.ts';
import { marketDayOf, marketDayPeriod } from '../kernel/market-day.ts';
import { instantText } from '../kernel/period.ts';
import type { Zone } from '../kernel/zone.ts';
import { type BelievedTable, historyKey, resultingState } from './believed-table.ts';
import type { LoadWork } from './master-data-kind.ts';

/**
 * Two rows that may not both hold. Where both stand in the file, the later line is at fault.
 * Bounds are null where they are open.
 */
interface Overlap<Bound> {
    readonly line: number;
    readonly subject: string;
    readonly name: string;
    readonly from: Bound | null;
    readonly to: Bound | null;
    readonly otherName: string;
    readonly otherFrom: Bound | null;
    readonly otherTo: Bound | null;
    readonly otherLine: number | null;
}

const BOUNDS = `lower(d.valid_during) as "from", upper(d.valid_during) as "to",
             lower(o.valid_during) as "otherFrom", upper(o.valid_during) as "otherTo", o.line as "otherLine"`;

/** Pairs of a row of the file (`d`) and another that holds (`o`), with the same columns and some common time. */
function overlapping(believed: BelievedTable, same: readonly string[]): string {
    const equal = same.map((column) => `d.${column} = o.${column}`).join(' and ');
    return `desired d join state o on ${equal} and d.valid_during && o.valid_during
             and (${believed.keyOf('d')}) <> (${believed.keyOf('o')})
             and (o.line is null or (o.line, ${believed.keyOf('o')}) < (d.line, ${believed.keyOf('d')}))`;
}

export async function findAgreementOverlaps(work: LoadWork): Promise<InputFault[]> {
    const believed: BelievedTable = {
        table: 'agreement_versions',
        columns: ['agreement_no', 'metering_point_no', 'valid_during'],
        keyOf: (alias) => `${alias}.agreement_no`,
    };
    const overlaps = await work.tx.query<Overlap<string>>(
        `with state as (${resultingState(believed)})
         select d.line, 'metering point ' || m.metering_point_id as subject,
             'agreement ' || n.agreement_id as name, 'agreement ' || k.agreement_id as "otherName", ${BOUNDS}
         from ${overlapping(believed, ['metering_point_no'])}
             join metering_points m on m.metering_point_no = d.metering_point_no
             join agreements n on n.agreement_no = d.agreement_no
             join agreements k on k.agreement_no = o.agreement_no
         where d.line is not null order by d.line, k.agreement_id`,
    );
    return sentences(work, 'move_in', overlaps, (bound) => bound);
}

const INSTALLATIONS: BelievedTable = {
    table: 'channel_validities',
    columns: ['channel_no', 'metering_point_no', 'meter_no', 'register_id', 'valid_during'],
    keyOf: (alias) => `${alias}.channel_no`,
};

/** Two meters at one metering point and register at once, and one meter and register at two metering points at once. */
export async function findMeterOverlaps(work: LoadWork): Promise<InputFault[]> {
    return [...(await findMetersOfPoint(work)), ...(await findPointsOfMeter(work))];
}

async function findMetersOfPoint(work: LoadWork): Promise<InputFault[]> {
    const overlaps = await work.tx.query<Overlap<number>>(
        `with state as (${resultingState(INSTALLATIONS)})
         select d.line, 'metering point ' || m.metering_point_id || ' register ' || d.register_id as subject,
             'meter ' || n.meter_id as name, 'meter ' || k.meter_id as "otherName", ${BOUNDS}
         from ${overlapping(INSTALLATIONS, ['metering_point_no', 'register_id'])}
             join metering_points m on m.metering_point_no = d.metering_point_no
             join meters n on n.meter_no = d.meter_no
             join meters k on k.meter_no = o.meter_no
         where d.line is not null order by d.line, k.meter_id`,
    );
    return sentences(work, 'valid_from', overlaps, (bound) => boundText(work.settings.zone, bound));
}

async function findPointsOfMeter(work: LoadWork): Promise<InputFault[]> {
    const { zone } = work.settings;
    const overlaps = await work.tx.query<Overlap<number>>(
        `with state as (${resultingState(INSTALLATIONS)})
         select d.line, 'meter ' || n.meter_id || ' register ' || d.register_id as subject,
             'metering point ' || m.metering_point_id as name,
             'metering point ' || w.metering_point_id as "otherName", ${BOUNDS}
         from ${overlapping(INSTALLATIONS, ['meter_no', 'register_id'])}
             and d.metering_point_no <> o.metering_point_no
             join meters n on n.meter_no = d.meter_no
             join metering_points m on m.metering_point_no = d.metering_point_no
             join metering_points w on w.metering_point_no = o.metering_point_no
         where d.line is not null order by d.line, w.metering_point_id`,
    );
    return sentences(work, 'valid_from', overlaps, (bound) => boundText(zone, bound)).map((fault, index) => {
        const common = commonTime(overlaps[index]);
        const text = (bound: number | null, open: string) => (bound === null ? open : boundText(zone, bound));
        const both = `from ${text(common.from, 'always')} to ${text(common.to, 'open')} it would be at both`;
        return { ...fault, message: `${fault.message}: ${both}` };
    });
}

function commonTime(overlap: Overlap<number> | undefined): { from: number | null; to: number | null } {
    const known = (bounds: (number | null | undefined)[]) =>
        bounds.filter((bound) => typeof bound === 'number');
    const starts = known([overlap?.from, overlap?.otherFrom]);
    const ends = known([overlap?.to, overlap?.otherTo]);
    return {
        from: starts.length === 0 ? null : Math.max(...starts),
        to: ends.length === 0 ? null : Math.min(...ends),
    };
}

export async function findAttributeOverlaps(work: LoadWork): Promise<InputFault[]> {
    const believed: BelievedTable = {
        table: 'metering_point_attributes',
        columns: ['metering_point_no', 'attribute', 'value', 'valid_during'],
        keyOf: historyKey('metering_point_no', 'attribute'),
    };
    const overlaps = await work.tx.query<Overlap<string>>(
        `with state as (${resultingState(believed)})
         select d.line, 'metering point ' || m.metering_point_id as subject,
             d.attribute || ' ' || d.value as name, o.attribute || ' ' || o.value as "otherName", ${BOUNDS}
         from ${overlapping(believed, ['metering_point_no', 'attribute'])}
             join metering_points m on m.metering_point_no = d.metering_point_no
         where d.line is not null order by d.line, "otherFrom"`,
    );
    return sentences(work, 'valid_from', overlaps, (bound) => bound);
}

/** For tariffs and calendars: `thing` is `tariff`, its numbers in `<thing>_no` and its versions in `<thing>_versions`. */
export async function findVersionOverlaps(
    work: LoadWork,
    thing: 'tariff' | 'calendar',
): Promise<InputFault[]> {
    const believed: BelievedTable = {
        table: `${thing}_versions`,
        columns: [`${thing}_no`, 'valid_during'],
        keyOf: historyKey(`${thing}_no`),
    };
    const overlaps = await work.tx.query<Overlap<string>>(
        `with state as (${resultingState(believed)})
         select d.line, '${thing} ' || t.${thing}_id as subject, 'the version' as name,
             'a version' as "otherName", ${BOUNDS}
         from ${overlapping(believed, [`${thing}_no`])} join ${thing}s t on t.${thing}_no = d.${thing}_no
         where d.line is not null order by d.line, "otherFrom"`,
    );
    return sentences(work, 'valid_from', overlaps, (bound) => bound);
}

function sentences<Bound>(
    { file }: LoadWork,
    field: string,
    overlaps: readonly Overlap<Bound>[],
    textOf: (bound: Bound) => string,
): InputFault[] {
    const span = (from: Bound | null, to: Bound | null) =>
        `from ${from === null ? 'always' : textOf(from)} to ${to === null ? 'open' : textOf(to)}`;
    return overlaps.map((overlap) => {
        const { line, subject, name, otherName, otherLine } = overlap;
        const where = otherLine === null ? '' : ` (line ${otherLine})`;
        const other = `${otherName} ${span(overlap.otherFrom, overlap.otherTo)}${where}`;
        const message = `${subject} already has ${other}; ${name} ${span(overlap.from, overlap.to)} overlaps it`;
        return { file, line, field, message };
    });
}

/** A date where the instant is the beginning of a market day. */
function boundText(zone: Zone, instant: number): string {
    const day = marketDayOf(zone, instant);
    return marketDayPeriod(zone, day).from === instant ? day : instantText(instant);
}
