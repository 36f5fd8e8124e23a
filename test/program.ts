import { fileURLToPath } from 'node:url';

/** The command line as its sources. */
export const SOURCES = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));
/** What a test starts as `gridtally`: as users have it, the program that the launcher bundled, else its sources. */
export const PROGRAM = process.env.GRIDTALLY_PROGRAM ?? SOURCES;
