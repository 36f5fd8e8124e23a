/** Runs `work` for each item, at most `atOnce` of them at a time. After a failure none begins any more; throws the first one once all have ended. */
export async function inTurns<Item>(
    items: Iterable<Item>,
    atOnce: number,
    work: (item: Item) => Promise<void>,
): Promise<void> {
    const left = items[Symbol.iterator]();
    let failure: { readonly cause: unknown } | undefined;
    const takeTurns = async () => {
        for (let next = left.next(); !next.done && failure === undefined; next = left.next()) {
            try {
                await work(next.value);
            } catch (cause) {
                failure ??= { cause };
            }
        }
    };
    await Promise.all(Array.from({ length: atOnce }, takeTurns));
    if (failure !== undefined) throw failure.cause;
}
