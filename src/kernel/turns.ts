/**
 * Runs `work` for each item, at most `atOnce` of them at a time; an item is asked for when there is room for it. After a failure, of an item or of what
 * gives them, none begins any more; throws the first one once all have ended.
 */
export async function inTurns<Item>(
    items: Iterable<Item>,
    atOnce: number,
    work: (item: Item) => Promise<void>,
): Promise<void> {
    const left = items[Symbol.iterator]();
    let failure: { readonly cause: unknown } | undefined;
    const takeTurns = async () => {
        try {
            while (failure === undefined) {
                const next = left.next();
                if (next.done) return;
                await work(next.value);
            }
        } catch (cause) {
            failure ??= { cause };
        }
    };
    await Promise.all(Array.from({ length: atOnce }, takeTurns));
    if (failure !== undefined) throw failure.cause;
}
