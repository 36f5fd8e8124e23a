import {
    SETTLED_ON_ARRIVAL,
    VALIDATION_RULES,
    type ValidationRule,
} from '../../src/contracts/validation-rules.ts';

const BEGIN = '<!-- made from src/contracts/validation-rules.ts by node run.cjs test/tidy/write-docs.ts -->';
const END = '<!-- end of what is made -->';

const SCOPES: Readonly<Record<ValidationRule['scope'], string>> = {
    interval: 'each reading',
    day: "the channel's market day",
    'other-days': 'the market day beside other days',
    'other-channels': 'the market day beside other channels',
    register: 'two reads of a register and what lies between them',
};

/** The text of `docs/validation.md` with its tables as the catalogue has them; what stands around them is kept. */
export function validationRuleDocs(text: string): string {
    const [before, rest = ''] = text.split(BEGIN);
    const after = rest.split(END)[1] ?? '';
    return `${before}${BEGIN}\n\n${tables().join('\n')}\n\n${END}${after}`;
}

function tables(): string[] {
    const rules = Object.entries(VALIDATION_RULES as Readonly<Record<string, ValidationRule>>);
    return [
        '| rule | fails where | looks at | severities, the default first | from |',
        '|---|---|---|---|---|',
        ...rules.map(([id, rule]) => {
            const severities = [
                rule.default,
                ...['off', ...rule.severities].filter((s) => s !== rule.default),
            ];
            return row([
                `\`${id}\``,
                rule.says,
                SCOPES[rule.scope],
                severities.map((s) => `\`${s}\``).join(', '),
                rule.source,
            ]);
        }),
        '',
        '| rule | parameter | default | from, to | unit | means |',
        '|---|---|---|---|---|---|',
        ...rules.flatMap(([id, rule]) =>
            Object.entries(rule.parameters).map(([name, p]) =>
                row([`\`${id}\``, `\`${name}\``, p.default ?? 'none', `${p.min}, ${p.max}`, p.unit, p.means]),
            ),
        ),
        '',
        'What the trade checks beside these, and what settles it on arrival ([ingest-rules.md](ingest-rules.md)):',
        '',
        '| check | rules | from |',
        '|---|---|---|',
        ...SETTLED_ON_ARRIVAL.map(({ check, rules: ids, source }) =>
            row([check, ids.map((id) => `\`${id}\``).join(', '), source]),
        ),
    ];
}

function row(cells: readonly string[]): string {
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}
