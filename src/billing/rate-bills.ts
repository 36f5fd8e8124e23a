import { add, type Decimal, formatDecimal, sumDecimals } from '../kernel/decimal.ts';
import { canonicalJson, sha256Hex } from '../kernel/hash.ts';
import type { BillDocument, BillLine, BillSection, LineReference, RatedBill } from './bill-document.ts';
import { type ChargeLine, chargeLinesOf, energyOfStay, measuredOf, type PricedLine, priceLines } from './charge-lines.ts';
import { completenessOf } from './completeness.ts';
import type { IntervalPrices } from './interval-prices.ts';
import type { PeriodGrid } from './period-grid.ts';
import type { PointSums } from './quantity-sums.ts';
import type { BillingInputs } from './rating-dimensions.ts';
import type { RatingFaults } from './rating-faults.ts';
import type { PlannedStay } from './rating-plan.ts';
import type { SlotClasses } from './slot-classes.ts';
import { taxLinesOf, type TaxLine } from './tax-lines.ts';

/** What is the same for all bills of a run. */
export interface RatingContext {
    readonly inputs: BillingInputs;
    readonly grid: PeriodGrid;
    readonly slots: SlotClasses;
    readonly prices: IntervalPrices;
    readonly sums: PointSums;
    readonly faults: RatingFaults;
    readonly periodName: string;
    readonly runInputs: Readonly<Record<string, unknown>>;
}

/** Rates one account; `stays` are all of its stays in the period, by agreement and day. Pure. */
export function rateAccount(stays: readonly PlannedStay[], context: RatingContext): RatedBill {
    const { inputs } = context;
    const rated = stays.map((planned) => ({ planned, lines: chargeLinesOf(planned, sumsOf(planned, context), context.faults) }));
    const priced = priceLines(rated.flatMap(({ lines }) => lines));
    const byAgreement = Map.groupBy(stays, ({ stay }) => stay.agreement.agreementNo);
    const sections = [...byAgreement.values()].map((ofAgreement) => rateSection(ofAgreement, priced, context));
    const first = stays[0]?.stay.agreement;
    const document: BillDocument = {
        billId: `B-${first?.accountId}-${context.periodName}-1`,
        accountId: first?.accountId ?? '',
        customerId: first?.customerId ?? '',
        currency: inputs.currency,
        zone: inputs.zone.name,
        periodFrom: inputs.period.from,
        periodTo: inputs.period.to,
        isComplete: sections.every(({ isComplete }) => isComplete),
        energyKwh: kwhText(sumDecimals(sections.map(({ energy }) => energy))),
        amountDue: formatDecimal(sumDecimals(sections.map(({ amount }) => amount)), { minScale: 2 }),
        sections: sections.map(({ section }) => section),
    };
    return {
        document,
        accountNo: first?.accountNo ?? 0,
        references: sections.flatMap(({ references }) => references),
        madeFrom: { ...context.runInputs, tariffVersions: tariffVersionsOf(stays) },
    };
}

/** SHA-256 of the document; the document has no times and no numbers of the home. */
export function contentHash(document: BillDocument): string {
    return sha256Hex(canonicalJson(document));
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

function rateSection(stays: readonly PlannedStay[], priced: readonly PricedLine[], context: RatingContext): RatedSection {
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
        meteringPointId: agreement?.meteringPointId ?? '',
        serviceFrom: stays[0]?.stay.from ?? '',
        serviceTo: stays.at(-1)?.stay.to ?? '',
        energyKwh: kwhText(energy),
        estimatedKwh: kwhText(sumDecimals(energies.map((e) => e.estimated))),
        expectedCount: complete.reduce((count, c) => count + c.expectedCount, 0),
        missingCount: complete.reduce((count, c) => count + c.missingCount, 0),
        gaps: complete.flatMap((c) => c.gaps),
        lines: [...lines.map(chargeBillLine), ...taxes.map((tax) => taxBillLine(tax, context.inputs.currency))],
        amount: formatDecimal(amount, { minScale: 2 }),
    };
    const isComplete = complete.every((c) => c.isComplete);
    const references = [...lines.map(lineReference), ...taxes.map(() => taxReference(stays))];
    return { section, energy, amount, isComplete, references };
}

function chargeBillLine(line: PricedLine): BillLine {
    const isEnergy = line.charge.kind !== 'subscription';
    return {
        kind: isEnergy ? 'energy' : 'subscription',
        charge: line.charge.id,
        label: line.charge.label,
        group: line.charge.group,
        band: line.band,
        tariffId: line.segment.version.tariffId,
        serviceFrom: line.segment.from,
        serviceTo: line.segment.to,
        quantity: formatDecimal(line.pricedQuantity, { minScale: isEnergy ? 3 : 0 }),
        unit: isEnergy ? 'kWh' : 'day',
        measuredKwh: isEnergy ? kwhText(measuredOf(line)) : null,
        estimatedKwh: isEnergy ? kwhText(line.estimated) : null,
        price: line.price === null ? null : formatDecimal(line.price, { minScale: 2 }),
        amountExact: formatDecimal(line.amountExact, { minScale: 2 }),
        amount: formatDecimal(line.amount),
    };
}

function taxBillLine(line: TaxLine, currency: string): BillLine {
    return {
        kind: 'tax',
        charge: line.tax.id,
        label: line.tax.label,
        group: line.tax.group,
        band: null,
        tariffId: line.tariffId,
        serviceFrom: line.serviceFrom,
        serviceTo: line.serviceTo,
        quantity: formatDecimal(line.taxedAmount, { minScale: 2 }),
        unit: currency,
        measuredKwh: null,
        estimatedKwh: null,
        price: formatDecimal(line.percent, { minScale: 0 }),
        amountExact: formatDecimal(line.amountExact, { minScale: 2 }),
        amount: formatDecimal(line.amount),
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
