import { EDIT_FEED, type EditFeed } from '../contracts/edit-feed.ts';
import { messageOf } from '../contracts/row-messages.ts';
import { previewFile } from '../ingest/preview-file.ts';
import { counted } from '../kernel/counted.ts';
import { GridtallyError, type InputFault } from '../kernel/errors.ts';
import { instantText } from '../kernel/period.ts';
import { payloadsOfFeed } from '../raw/find-payload.ts';
import { takeSequences } from '../raw/segment-catalogue.ts';
import { payloadBytes, type StoredPayload } from '../raw/segment-reader.ts';
import { namedChannels } from '../registry/named-channels.ts';
import { type EditSummary, listEdits, type ReceivedEdit, sameEdit } from '../vee/edit-ledger.ts';
import { type EditDocument, type EditedInterval, editPayload, readEditPayload } from '../vee/edit-payload.ts';
import { type EditRequest, intervalsOf, readOf, refuseRepeated } from '../vee/edit-request.ts';
import { type Chain, ingest } from './chain.ts';

export interface EditOutcome {
    readonly editNo: number;
    /** Of the payload that says it. */
    readonly receiptId: string;
    readonly intervalCount: number;
    /** False where it had been said before: then nothing was received. */
    readonly isNew: boolean;
}

/** One person's edits or withdrawals at a time: numbers follow the order of receipt. */
const EDIT_LOCK = 'edit readings';

/**
 * Receives a person's values, or reads of registers, as one edit, once all of it is right; the same edit again changes nothing. What depends on it is stale from then on.
 * Throws `edit.refused` with every fault.
 */
export async function editReadings(
    chain: Chain,
    by: string,
    requests: readonly EditRequest[],
    feed: EditFeed = EDIT_FEED,
): Promise<EditOutcome> {
    return chain.lake.db.withLock(EDIT_LOCK, 'exclusive', async () => {
        const intervals = await askedIntervals(chain, by, requests, feed);
        const received = await receivedEdits(chain, feed);
        const known = sameEdit(received, { by, intervals });
        if (known !== undefined) return outcomeOf(received, 'edit', known, false);
        const [editNo = 0] = await takeSequences(chain.lake.db, 1);
        await receiveEdit(chain, feed, { kind: 'edit', editNo, by, intervals });
        return outcomeOf(await receivedEdits(chain, feed), 'edit', editNo, true);
    });
}

/** Takes an edit back, so that what was there before it counts again. Throws `edit.unknown`, `edit.refused`. */
export async function withdrawEdit(
    chain: Chain,
    asked: { readonly editNo: number; readonly by: string; readonly reason: string },
    feed: EditFeed = EDIT_FEED,
): Promise<EditOutcome> {
    const { editNo, by, reason } = asked;
    if (by.trim() === '' || reason.trim() === '') throw refusal([{ message: 'who and why are needed' }]);
    return chain.lake.db.withLock(EDIT_LOCK, 'exclusive', async () => {
        const received = await receivedEdits(chain, feed);
        const edit = received.find(({ document: d }) => d.kind === 'edit' && d.editNo === editNo);
        if (edit === undefined) throw new GridtallyError('edit.unknown', `there is no edit ${editNo}`);
        const isDone = received.some(({ document: d }) => d.kind === 'withdrawal' && d.editNo === editNo);
        if (isDone) return outcomeOf(received, 'withdrawal', editNo, false);
        const intervals = edit.document.intervals.map((interval) => ({ ...interval, reason }));
        await receiveEdit(chain, feed, { kind: 'withdrawal', editNo, by, intervals });
        return outcomeOf(await receivedEdits(chain, feed), 'withdrawal', editNo, true);
    });
}

/** Every edit that was ever made, read from the raw store; of one meter, if it is named as its edits name it. */
export async function editsMade(
    chain: Chain,
    meter?: string,
    feed: EditFeed = EDIT_FEED,
): Promise<EditSummary[]> {
    const edits = listEdits(await receivedEdits(chain, feed));
    if (meter === undefined) return edits;
    const { channels } = await namedChannels(chain.lake.db, meter);
    const names = new Set([meter, ...channels.map(({ meterId }) => meterId)]);
    return edits.filter(({ meterIds }) => meterIds.some((meterId) => names.has(meterId)));
}

function outcomeOf(
    received: readonly ReceivedEdit[],
    kind: EditDocument['kind'],
    editNo: number,
    isNew: boolean,
): EditOutcome {
    const found = received.find(({ document: d }) => d.kind === kind && d.editNo === editNo);
    const intervalCount = found?.document.intervals.length ?? 0;
    return { editNo, receiptId: found?.receiptId ?? '', intervalCount, isNew };
}

async function askedIntervals(
    chain: Chain,
    by: string,
    requests: readonly EditRequest[],
    feed: EditFeed,
): Promise<EditedInterval[]> {
    const faults: InputFault[] = by.trim() === '' ? [{ field: 'by', message: 'say who makes the edit' }] : [];
    const intervals: EditedInterval[] = [];
    const places: InputFault[] = [];
    for (const request of requests) {
        const { channels } = await namedChannels(chain.lake.db, request.meter, request.registerId);
        const ofRequest =
            feed === EDIT_FEED
                ? intervalsOf(request, channels, chain.lake.zone, faults)
                : readOf(request, channels, faults);
        for (const interval of ofRequest) {
            intervals.push(interval);
            places.push({ ...request.place, message: '' });
        }
    }
    refuseRepeated(intervals, faults);
    if (faults.length > 0) throw refusal(faults);
    const payload = editPayload({ kind: 'edit', editNo: 1, by, intervals });
    const arrival = await previewFile(chain, feed, async function* () {
        yield payload;
    });
    if (arrival.refused !== undefined) throw refusal([{ message: arrival.refused.message }]);
    if (arrival.faults.length > 0) {
        throw refusal(
            arrival.faults.map(({ line, rules, text }) => {
                const interval = intervals[line - 1];
                const which = interval === undefined ? text : whichText(interval);
                return { ...places[line - 1], message: `${which}: ${rules}: ${messageOf(rules)}` };
            }),
        );
    }
    return intervals;
}

function whichText({ meterId, registerId, periodFrom, kwh }: EditedInterval): string {
    return `${kwh === null ? 'nothing' : `${kwh} kWh`} for ${meterId} ${registerId} at ${instantText(periodFrom)}`;
}

function refusal(faults: readonly InputFault[]): GridtallyError {
    const count = counted(faults.length, 'fault');
    return new GridtallyError('edit.refused', `The edit has ${count}; nothing of it was received.`, {
        faults,
    });
}

async function receiveEdit(chain: Chain, feed: EditFeed, document: EditDocument): Promise<void> {
    const { kind, editNo } = document;
    await ingest(chain, feed, [{ sourceKey: `${kind}-${editNo}`, bytes: editPayload(document) }]);
}

/** In the order of receipt. */
async function receivedEdits({ lake, raw }: Chain, name: EditFeed): Promise<ReceivedEdit[]> {
    const [feed] = await lake.db.query<{ feedId: number }>(
        'select feed_id as "feedId" from feeds where name = $1',
        [name],
    );
    const received: ReceivedEdit[] = [];
    if (feed === undefined) return received;
    for await (const { payload } of payloadsOfFeed(lake.db, raw.folder, feed.feedId)) {
        const { sequence, receivedAt } = payload.header;
        const document = readEditPayload(await wholePayload(payload));
        received.push({ document, receiptId: `r${sequence}`, receivedAt });
    }
    return received;
}

async function wholePayload(payload: StoredPayload): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of payloadBytes(payload)) chunks.push(chunk);
    return Buffer.concat(chunks);
}
