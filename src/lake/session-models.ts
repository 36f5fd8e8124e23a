import { compileModel } from '../engine/compile.ts';
import type { EngineSession } from '../engine/engine.ts';
import { namingModel } from '../engine/model-failure.ts';

/** Computes a model (`room/name`) into a table of the session; `names` says under which names the session has relations that the model refers to. */
export async function materialiseModel(
    session: EngineSession,
    table: string,
    model: string,
    names: Readonly<Record<string, string>> = {},
): Promise<void> {
    const { sql } = compileModel(model, session.dialect, names);
    await namingModel(model, () => session.materialise(table, sql));
}

/** The same as a view, which is computed again by each who reads it. */
export async function viewModel(
    session: EngineSession,
    view: string,
    model: string,
    names: Readonly<Record<string, string>> = {},
): Promise<void> {
    const { sql } = compileModel(model, session.dialect, names);
    await namingModel(model, () => session.run(`create or replace temp view ${view} as ${sql}`));
}

/** A view in the shape of a model that an engine finds empty without running it. */
export async function viewNothing(
    session: EngineSession,
    view: string,
    model: string,
    names: Readonly<Record<string, string>> = {},
): Promise<void> {
    const { sql } = compileModel(model, session.dialect, names);
    await session.run(`create or replace temp view ${view} as select * from (${sql}) as m where 1 = 0`);
}
