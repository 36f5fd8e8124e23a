import type { FeedContract } from '../contracts/feed-contract.ts';
import type { EngineSession } from '../engine/engine.ts';
import type { Lake } from '../lake/lake.ts';
import type { RefusedBatchPayload } from './form-limit.ts';
import { makeDays } from './moved-days.ts';
import { movedStamps } from './stamp-shift.ts';
import { movedUnits } from './unit-shift.ts';

/** Payloads whose stamps or unit seem to have changed: those that the contract refuses for it, and those that it only marks. */
export interface MovedPayloads {
    readonly refused: readonly RefusedBatchPayload[];
    readonly flagged: readonly RefusedBatchPayload[];
}

/** Whether a feed's payloads are compared with what was there before, and so come out as they did only in the order of then. */
export function looksForMoves({ delivery }: FeedContract): boolean {
    return delivery.stampShift !== 'off' || delivery.unitShift !== 'off';
}

/**
 * Compares each payload of the session's table `parsed` with the same channels on the days before, and takes payloads out that the
 * contract refuses. By the local day, so that a change of the clock moves nothing; days that are not complete, or not of the usual
 * length, say nothing. Reads the lake, so a contract asks for it (`stampShift`, `unitShift`).
 */
export async function judgeMoves(
    engine: EngineSession,
    lake: Lake,
    contract: FeedContract,
    feedId: number,
): Promise<MovedPayloads> {
    const { stampShift, unitShift } = contract.delivery;
    if (!looksForMoves(contract) || !(await makeDays(engine, lake, contract, feedId)))
        return { refused: [], flagged: [] };
    const stamps = stampShift === 'off' ? [] : await movedStamps(engine, contract);
    const units = unitShift === 'off' ? [] : await movedUnits(engine, contract);
    const found = [...named(stamps, stampShift), ...named(units, unitShift)];
    // of a payload that is odd in both ways the stamps are told
    const refused = new Map<number, RefusedBatchPayload>();
    for (const { payload, isRefused } of found)
        if (isRefused && !refused.has(payload.payloadNo)) refused.set(payload.payloadNo, payload);
    if (refused.size > 0)
        await engine.run(`delete from parsed where payload_no in (${[...refused.keys()].join(', ')})`);
    const flagged = found.filter((f) => !f.isRefused && !refused.has(f.payload.payloadNo));
    return { refused: [...refused.values()], flagged: flagged.map((f) => f.payload) };
}

function named(payloads: readonly RefusedBatchPayload[], what: 'off' | 'flag' | 'refuse') {
    return payloads.map((payload) => ({ payload, isRefused: what === 'refuse' }));
}
