import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const PACKAGE = fileURLToPath(new URL('../../package.json', import.meta.url));

/** The version of this program, as its package has it. */
export const PROGRAM_VERSION: string = JSON.parse(readFileSync(PACKAGE, 'utf8')).version;
