import { ERROR_CATALOGUE } from '../../src/kernel/errors.ts';

/** The text of `docs/errors.md`, which lists the catalogue by room. */
export function errorDocs(): string {
    const lines = [
        '# Errors',
        '',
        'Every error that a command or the API reports has one of these codes. The code never changes its meaning;',
        'the message names the case at hand. Made from the catalogue in `src/kernel/errors.ts` by',
        '`node run.cjs test/tidy/write-docs.ts`.',
    ];
    let room = '';
    for (const [code, remedy] of Object.entries(ERROR_CATALOGUE).sort(([a], [b]) => (a < b ? -1 : 1))) {
        const itsRoom = code.split('.')[0] ?? '';
        if (itsRoom !== room) lines.push('', `## ${itsRoom}`, '', '| code | what to do |', '|---|---|');
        room = itsRoom;
        lines.push(`| \`${code}\` | ${remedy.replaceAll('|', '\\|')} |`);
    }
    return `${lines.join('\n')}\n`;
}
