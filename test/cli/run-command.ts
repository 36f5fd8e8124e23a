import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { PROGRAM } from '../program.ts';

export interface CommandEnd {
    readonly code: number;
    readonly out: string;
    readonly said: string;
}

/** Runs `gridtally …` in a process of its own, with GRIDTALLY_HOME set where a home is given. */
export function runCommand(home: string | undefined, ...args: string[]): Promise<CommandEnd> {
    return runCommandWith(home === undefined ? {} : { GRIDTALLY_HOME: home }, ...args);
}

/** The same with variables of the environment; a process that was killed ends with code -1. */
export async function runCommandWith(
    variables: Readonly<Record<string, string>>,
    ...args: string[]
): Promise<CommandEnd> {
    const { GRIDTALLY_HOME: _, ...env } = process.env;
    const child = spawn(process.execPath, [PROGRAM, ...args], {
        env: { ...env, ...variables },
        stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended = new Promise<number>((resolve) => child.on('close', (code) => resolve(code ?? -1)));
    const [out, said, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
    return { code, out, said };
}
