/** A generator of numbers from 0 up to 1, always the same for a seed. */
export function randomNumbers(seed: number): () => number {
    let state = Math.imul(seed, 2654435761) + 1;
    return () => {
        state = (Math.imul(state ^ (state >>> 15), 2246822519) + 0x9e3779b9) >>> 0;
        return state / 2 ** 32;
    };
}
