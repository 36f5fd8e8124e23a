import { compileModel } from '../engine/compile.ts';
import type { EngineSession } from '../engine/engine.ts';

/** Computes a model (`room/name`) into a table of the session; `names` says under which names the session has relations that the model refers to. */
export async function materialiseModel(
    session: EngineSession,
    table: string,
    model: string,
    names: Readonly<Record<string, string>> = {},
): Promise<void> {
    await session.materialise(table, compileModel(model, session.dialect, names).sql);
}
