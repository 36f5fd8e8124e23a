import os from 'node:os';

/** Cores, memory and versions, for the head of every report. */
export function machineText(): string {
    const cpu = os.cpus()[0]?.model ?? 'unknown processor';
    const memory = Math.round(os.totalmem() / 1024 ** 3);
    return `${os.availableParallelism()} cores (${cpu}), ${memory} GiB, ${os.platform()} ${os.arch()}, Node ${process.versions.node}`;
}
