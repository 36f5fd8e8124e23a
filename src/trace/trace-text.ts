import { counted } from '../kernel/counted.ts';
import type { TracedSpan } from './estimate-inputs.ts';
import type { TracedBill, TracedBillLine, TracedLineDay } from './traced-bill.ts';
import { estimateText } from './traced-estimate.ts';
import type { TouchedDay, TracedFile } from './traced-file.ts';
import type { TracedDay, TracedHour } from './traced-total.ts';
import type { TracedInterval, TracedVersion } from './traced-version.ts';

/** A line of text with lines that stand below it. */
export interface TextNode {
    readonly text: string;
    readonly children: readonly TextNode[];
}

/** How deep a tree of a number is told; `--json` has all of it. */
export type TextDepth = 'days' | 'versions';

/** Lines of a tree, drawn with its branches. */
export function treeText(nodes: readonly TextNode[]): string[] {
    return nodes.flatMap((node) => [node.text, ...childLines(node.children, '')]);
}

function childLines(nodes: readonly TextNode[], indent: string): string[] {
    return nodes.flatMap((node, i) => {
        const isLast = i === nodes.length - 1;
        const below = `${indent}${isLast ? '   ' : '│  '}`;
        return [`${indent}${isLast ? '└─ ' : '├─ '}${node.text}`, ...childLines(node.children, below)];
    });
}

export function dayNode(day: TracedDay): TextNode {
    const missing = day.missingCount > 0 ? `, ${day.missingCount} of ${day.expectedCount} missing` : '';
    const text = `${day.meterId} ${day.registerId}, day ${day.marketDay}: ${kwhText(day.kwh)}${missing}`;
    return { text, children: [...day.hours.map(hourNode), ...day.spans.map(spanNode)] };
}

export function hourNode(hour: TracedHour): TextNode {
    const missing = hour.missingCount > 0 ? `, ${hour.missingCount} of ${hour.expectedCount} missing` : '';
    return {
        text: `hour from ${hour.hourFrom}: ${kwhText(hour.kwh)}${missing}`,
        children: hour.intervals.map(intervalNode),
    };
}

export function intervalNode(interval: TracedInterval): TextNode {
    const text = `${interval.periodFrom} (${interval.minutes} min): ${kwhText(interval.kwh)}, ${interval.quality}`;
    const estimate =
        interval.estimate === null
            ? []
            : [{ text: estimateText(interval.estimate), children: (interval.inputs ?? []).map(inputNode) }];
    return { text, children: [...estimate, ...interval.versions.map(versionNode)] };
}

/** An input on one line: the version that gave it, its file and line; `--json` has the others. */
function inputNode(interval: TracedInterval): TextNode {
    const winner = interval.versions.find(({ outcome }) => outcome === 'winning');
    const from = winner === undefined ? '' : `, ${placeText(winner)}`;
    return leaf(`${interval.periodFrom}: ${kwhText(interval.kwh)}${from}`);
}

/** What a register counted between two reads: the reads with their versions, and what was measured as sums of days. */
export function spanNode(span: TracedSpan): TextNode {
    const { readFrom, readTo, advanceKwh, measuredKwh } = span;
    return {
        text: `register from ${readFrom} to ${readTo}: ${advanceKwh} kWh counted, ${measuredKwh} kWh measured`,
        children: [
            ...span.reads.map((read) => ({
                text: `read at ${read.periodFrom}: ${kwhText(read.kwh)}, ${read.quality}`,
                children: read.versions.map(versionNode),
            })),
            ...span.days.map((day) =>
                leaf(
                    `measured on ${day.marketDay}: ${kwhText(day.kwh)} in ${counted(day.intervalCount, 'interval')}`,
                ),
            ),
        ],
    };
}

function placeText({ line, sourceKey, feed, receiptId, receivedAt }: TracedVersion): string {
    const file = sourceKey === null ? '' : `, ${sourceKey}${line === null ? '' : `:${line}`}`;
    return `${feed}${file}, receipt ${receiptId} at ${receivedAt}`;
}

function versionNode(version: TracedVersion): TextNode {
    const said = version.text === null ? [] : [{ text: version.text, children: [] }];
    return {
        text: `${version.kwh ?? version.quality} ${version.outcome.replaceAll('_', ' ')} (${version.why}), ${placeText(version)}`,
        children: said,
    };
}

export function billNode(bill: TracedBill, depth: TextDepth): TextNode {
    const what = `${bill.state} ${bill.billId} of account ${bill.accountId}, ${bill.periodFrom} to ${bill.periodTo}`;
    return {
        text: `${what}: ${bill.energyKwh} kWh, ${bill.amountDue} ${bill.currency}`,
        children: bill.lines.map((line) => lineNode(line, bill.currency, depth)),
    };
}

function lineNode(line: TracedBillLine, currency: string, depth: TextDepth): TextNode {
    const percent = line.kind === 'tax' ? ' %' : '';
    const price = line.price === null ? '' : ` × ${line.price}${percent}`;
    const band = line.band === null ? '' : ` ${line.band}`;
    const what = `line ${line.lineNo}, ${line.charge}${band} of ${line.tariffId}, ${line.serviceFrom} to ${line.serviceTo}`;
    return {
        text: `${what}: ${line.quantity} ${line.unit}${price} = ${line.amount} ${currency}`,
        children: line.days.map((day) => lineDayNode(day, depth)),
    };
}

function lineDayNode(day: TracedLineDay, depth: TextDepth): TextNode {
    const of = day.kwh === day.dayKwh ? '' : ` of ${kwhText(day.dayKwh)}`;
    const count = counted(day.intervals.length, 'interval');
    return {
        text: `${day.meterId} ${day.registerId}, day ${day.marketDay}: ${kwhText(day.kwh)}${of} in ${count}`,
        children:
            depth === 'versions' ? [...day.intervals.map(intervalNode), ...day.spans.map(spanNode)] : [],
    };
}

export function fileNode(file: TracedFile): TextNode {
    const state = file.state === 'parsed' ? `parsed by contract ${file.contractNo} of the feed` : file.state;
    const reads = file.registerReads === 0 ? '' : ` + ${counted(file.registerReads, 'read')} of registers`;
    return {
        text: `${file.sourceKey} of ${file.feed}, receipt ${file.receiptId} at ${file.receivedAt}, ${file.bytes} bytes: ${state}`,
        children: [
            ...(file.refusal === null ? [] : [leaf(`${file.refusal.ruleId}: ${file.refusal.message}`)]),
            leaf(
                `${counted(file.records, 'row')} = ${counted(file.versions, 'version')} (${file.winning} of them published)${reads} + ${file.quarantined} quarantined + ${file.waiting} waiting`,
            ),
            {
                text: counted(file.partitions.length, 'partition'),
                children: file.partitions.map((p) =>
                    leaf(`${p.marketDay}, bucket ${p.bucket}: ${counted(p.versions, 'version')}`),
                ),
            },
            dayListNode(
                'daily totals',
                file.dayCount,
                file.days,
                (d) => `${kwhText(d.dayKwh)}, ${d.winning} of ${counted(d.versions, 'version')} published`,
            ),
            ...(file.reads.length === 0 ? [] : [readsNode(file)]),
            ...(file.restingDayCount === 0
                ? []
                : [
                      dayListNode(
                          'days with estimates that rest on it',
                          file.restingDayCount,
                          file.restingDays,
                          (d) => `${d.methods.join(' and ')}, ${kwhText(d.kwh)}`,
                      ),
                  ]),
            {
                text: `${counted(file.bills.length, 'bill')} of those days`,
                children: file.bills.map((b) =>
                    leaf(
                        `${b.state} ${b.billId} (${b.meteringPointIds.join(', ')}), through ${b.through.join(', ').replaceAll('-', ' ')}`,
                    ),
                ),
            },
        ],
    };
}

function leaf(text: string): TextNode {
    return { text, children: [] };
}

type NamedDay = Pick<TouchedDay, 'meterId' | 'registerId' | 'marketDay'>;

function dayListNode<T extends NamedDay>(
    what: string,
    count: number,
    days: readonly T[],
    tell: (day: T) => string,
): TextNode {
    return {
        text: `${count} ${what}`,
        children: [
            ...days.map((d) => leaf(`${d.meterId} ${d.registerId}, day ${d.marketDay}: ${tell(d)}`)),
            ...moreNode(count - days.length),
        ],
    };
}

function readsNode({ registerReads, reads }: TracedFile): TextNode {
    return {
        text: `${registerReads} reads of registers`,
        children: [
            ...reads.map((r) =>
                leaf(
                    `${r.meterId} ${r.registerId}, ${r.readAt}: ${kwhText(r.indexKwh)}, ${r.outcome.replaceAll('_', ' ')}`,
                ),
            ),
            ...moreNode(registerReads - reads.length),
        ],
    };
}

function moreNode(count: number): TextNode[] {
    return count > 0 ? [leaf(`and ${count} more; --days N lists more`)] : [];
}

function kwhText(kwh: string | null): string {
    return kwh === null ? 'no value' : `${kwh} kWh`;
}
