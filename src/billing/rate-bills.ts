import { add, type Decimal, formatDecimal, sumDecimals } from '../kernel/decimal.ts';
import { canonicalJson, sha256Hex } from '../kernel/hash.ts';
import type { BillDocument, BillLine, BillSection, LineReference, RatedBill } from './bill-document.ts';
import {
    type ChargeLine,
    chargeLinesOf,
    energyOfStay,
    measuredOf,
    type PricedLine,
    priceLines,
} from './charge-lines.ts';
import { completenessOf } from './completeness.ts';
import { totalText } from './currency.ts';
import { holdsOf } from './holds.ts';
import type { IntervalPrices } from './interval-prices.ts';
import type { PeriodGrid } from './period-grid.ts';
import type { PointSums } from './quantity-sums.ts';
import type { BillingInputs } from './rating-dimensions.ts';
import type { RatingFaults } from './rating-faults.ts';
import type { PlannedStay } from './rating-plan.ts';
import type { SlotClasses } from './slot-classes.ts';
import { type TaxLine, taxLinesOf } from './tax-lines.ts';

/** What is the same for all bills of a run. */
export interface RatingContext {
    readonly inputs: BillingInputs;
    readonly grid: PeriodGrid;
    readonly slots: SlotClasses;
    readonly prices: IntervalPrices;
    readonly sums: PointSums;
    readonly faults: RatingFaults;
    readonly periodName: string;
}

/** Rates one account; `stays` are all of its stays in the period, by agreement and day. Pure. */
export function rateAccount(stays: readonly PlannedStay[], context: RatingContext): RatedBill {
    const { inputs } = context;
    const rated = stays.map((planned) => ({
        planned,
        lines: chargeLinesOf(planned, sumsOf(planned, context), context.faults),
    }));
    const priced = priceLines(rated.flatMap(({ lines }) => lines));
    const byAgreement = Map.groupBy(stays, ({ stay }) => stay.agreement.agreementNo);
    const sections = [...byAgreement.values()].map((ofAgreement) =>
        rateSection(ofAgreement, priced, context),
    );
    const first = stays[0]?.stay.agreement;
    const document: BillDocument = {
        accountId: first?.accountId ?? '',
        amountDue: totalText(sumDecimals(sections.map(({ amount }) => amount)), inputs.currency),
        billId: `B-${first?.accountId}-${context.periodName}-1`,
        currency: inputs.currency,
        customerId: first?.customerId ?? '',
        energyKwh: kwhText(sumDecimals(sections.map(({ energy }) => energy))),
        isComplete: sections.every(({ isComplete }) => isComplete),
        isHeld: sections.some(({ section }) => (section.holds ?? []).length > 0),
        periodFrom: inputs.period.from,
        periodTo: inputs.period.to,
        sections: sections.map(({ section }) => section),
        zone: inputs.zone.name,
    };
    return {
        document,
        accountNo: first?.accountNo ?? 0,
        references: sections.flatMap(({ references }) => references),
        tariffVersionNos: tariffVersionsOf(stays),
    };
}

/** SHA-256 of the document's canonical JSON; the document has no times and no numbers of the home. */
export function contentHash(document: BillDocument): string {
    return sha256Hex(canonicalJson(document));
}

/**
 * The canonical JSON of a document that was made here: every object above is written with its keys in order, so that the plain
 * text is canonical (sorting the keys of 20,000 bills again took longer than rating them). A test holds both equal.
 */
export function documentText(document: BillDocument): string {
    return JSON.stringify(document);
}

function sumsOf(planned: PlannedStay, { slots, sums, prices }: RatingContext) {
    return {
        classes: slots.classes,
        quantities: sums.quantities.get(planned.point.pointNo) ?? [],
        amounts: sums.amounts.get(planned.point.pointNo) ?? [],
        prices,
    };
}

interface RatedSection {
    readonly section: BillSection;
    readonly energy: Decimal;
    readonly amount: Decimal;
    readonly isComplete: boolean;
    readonly references: readonly LineReference[];
}

function rateSection(
    stays: readonly PlannedStay[],
    priced: readonly PricedLine[],
    context: RatingContext,
): RatedSection {
    const lines = priced.filter((line) => stays.includes(line.planned));
    const taxes = taxLinesOf(lines);
    const amount = sumDecimals([...lines, ...taxes].map((line) => line.amount));
    const energies = stays.map((planned) => energyOfStay(planned, sumsOf(planned, context)));
    const energy = energies.reduce((sum, e) => add(sum, e.kwh), sumDecimals([]));
    const complete = stays.map((planned, i) =>
        completenessOf(
            planned,
            energies[i]?.intervalCount ?? 0,
            context.sums.gaps.get(planned.point.pointNo) ?? [],
            context.grid,
            context.inputs.horizonTo,
        ),
    );
    const agreement = stays[0]?.stay.agreement;
    const section: BillSection = {
        agreementId: agreement?.agreementId ?? '',
        amount: totalText(amount, context.inputs.currency),
        energyKwh: kwhText(energy),
        estimatedKwh: kwhText(sumDecimals(energies.map((e) => e.estimated))),
        expectedCount: complete.reduce((count, c) => count + c.expectedCount, 0),
        gaps: complete.flatMap((c) => c.gaps),
        holds: stays.flatMap((planned) =>
            holdsOf(planned, context.sums.holds.get(planned.point.pointNo) ?? []),
        ),
        lines: [
            ...lines.map(chargeBillLine),
            ...taxes.map((tax) => taxBillLine(tax, context.inputs.currency)),
        ],
        meteringPointId: agreement?.meteringPointId ?? '',
        missingCount: complete.reduce((count, c) => count + c.missingCount, 0),
        serviceFrom: stays[0]?.stay.from ?? '',
        serviceTo: stays.at(-1)?.stay.to ?? '',
    };
    const isComplete = complete.every((c) => c.isComplete);
    const references = [...lines.map(lineReference), ...taxes.map(() => taxReference(stays))];
    return { section, energy, amount, isComplete, references };
}

function chargeBillLine(line: PricedLine): BillLine {
    const isEnergy = line.charge.kind !== 'subscription';
    return {
        amount: formatDecimal(line.amount),
        amountExact: formatDecimal(line.amountExact, { minScale: 2 }),
        band: line.band,
        charge: line.charge.id,
        estimatedKwh: isEnergy ? kwhText(line.estimated) : null,
        group: line.charge.group,
        kind: isEnergy ? 'energy' : 'subscription',
        label: line.charge.label,
        measuredKwh: isEnergy ? kwhText(measuredOf(line)) : null,
        price: line.price === null ? null : formatDecimal(line.price, { minScale: 2 }),
        quantity: formatDecimal(line.pricedQuantity, { minScale: isEnergy ? 3 : 0 }),
        serviceFrom: line.segment.from,
        serviceTo: line.segment.to,
        tariffId: line.segment.version.tariffId,
        unit: isEnergy ? 'kWh' : 'day',
    };
}

function taxBillLine(line: TaxLine, currency: string): BillLine {
    return {
        amount: formatDecimal(line.amount),
        amountExact: formatDecimal(line.amountExact, { minScale: 2 }),
        band: null,
        charge: line.tax.id,
        estimatedKwh: null,
        group: line.tax.group,
        kind: 'tax',
        label: line.tax.label,
        measuredKwh: null,
        price: formatDecimal(line.percent, { minScale: 0 }),
        quantity: totalText(line.taxedAmount, currency),
        serviceFrom: line.serviceFrom,
        serviceTo: line.serviceTo,
        tariffId: line.tariffId,
        unit: currency,
    };
}

function lineReference(line: ChargeLine): LineReference {
    const { agreement } = line.planned.stay;
    return {
        agreementNo: agreement.agreementNo,
        meteringPointNo: agreement.meteringPointNo,
        tariffVersionNo: line.segment.version.tariffVersionNo,
    };
}

function taxReference(stays: readonly PlannedStay[]): LineReference {
    const agreement = stays[0]?.stay.agreement;
    return {
        agreementNo: agreement?.agreementNo ?? 0,
        meteringPointNo: agreement?.meteringPointNo ?? 0,
        tariffVersionNo: null,
    };
}

function tariffVersionsOf(stays: readonly PlannedStay[]): number[] {
    const numbers = stays.flatMap(({ stay }) => stay.segments.map(({ version }) => version.tariffVersionNo));
    return [...new Set(numbers)].sort((a, b) => a - b);
}

function kwhText(energy: Decimal): string {
    return formatDecimal(energy, { minScale: 3 });
}
