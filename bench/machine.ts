import { existsSync, readFileSync } from 'node:fs';
import os from 'node:os';

/** Cores, memory and versions, for the head of every report. */
export function machineText(): string {
    const cpu = os.cpus()[0]?.model ?? 'unknown processor';
    const memory = Math.round(os.totalmem() / 1024 ** 3);
    return `${os.availableParallelism()} cores (${cpu}), ${memory} GiB, ${os.platform()} ${os.arch()}, Node ${process.versions.node}`;
}

// Linux counts in these, whatever the kernel's own clock does
const TICKS_OF_A_SECOND = 100;

/** CPU that another process has had so far; 0 where the system does not tell as Linux does. */
export function cpuSecondsOf(pid: number): number {
    const file = `/proc/${pid}/stat`;
    if (!existsSync(file)) return 0;
    // after the command's name, which may have blanks: state is the third field, user and system time are the 14th and 15th
    const fields = readFileSync(file, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) / TICKS_OF_A_SECOND;
}
