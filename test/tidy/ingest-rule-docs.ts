import { FILE_RULES, ROW_RULES, WAITING_REASONS } from '../../src/contracts/ingest-rules.ts';

/** The text of `docs/ingest-rules.md`, which lists what can be wrong with a file or a row on arrival. */
export function ingestRuleDocs(): string {
    const lines = [
        '# Rules of arrival',
        '',
        'What can be wrong with a file or a row when it arrives. The id stands in quarantined rows and in messages and never',
        'changes its meaning. Made from `src/contracts/ingest-rules.ts` by `node run.cjs test/tidy/write-docs.ts`.',
    ];
    section(
        lines,
        'A file is refused whole',
        'Its bytes are kept, and none of its rows is parsed.',
        FILE_RULES,
    );
    section(
        lines,
        'A row is quarantined alone',
        'It is kept with its original text; the other rows of the file go on.',
        ROW_RULES,
    );
    section(
        lines,
        'A row waits',
        'It is right in itself; the load that registers its meter for that time releases it, or quarantines it where the channel shows that it is wrong (`row.value-negative`, `row.interval-length`), as had it come afterwards.',
        WAITING_REASONS,
    );
    return `${lines.join('\n')}\n`;
}

function section(
    lines: string[],
    title: string,
    outcome: string,
    rules: Readonly<Record<string, string>>,
): void {
    lines.push('', `## ${title}`, '', outcome, '', '| rule | meaning |', '|---|---|');
    for (const [id, meaning] of Object.entries(rules)) {
        lines.push(`| \`${id}\` | ${meaning.replaceAll('|', '\\|')} |`);
    }
}
