/** Does the work when it is first asked for; whoever asks later has the same answer, an error too. */
export function once<T>(work: () => Promise<T>): () => Promise<T> {
    let answer: Promise<T> | undefined;
    return () => {
        answer ??= work();
        return answer;
    };
}
