/** What Node gives a module with an `await` at its top that nothing ends. */
const UNSETTLED = 13;

/**
 * Runs a program, whose result is the exit status of the process. Where nothing is left to wait for and it has not ended, that is said, and is no
 * success; Node says so only of an `await` at the top of a module, which the bundle cannot have.
 */
export function runToEnd(program: () => Promise<number>): void {
    let hasEnded = false;
    process.on('exit', (code) => {
        if (hasEnded || code !== 0) return;
        process.stderr.write('gridtally: nothing is left to wait for, and the command has not ended\n');
        process.exitCode = UNSETTLED;
    });
    void program().then((exitCode) => {
        hasEnded = true;
        process.exitCode = exitCode;
    });
}
