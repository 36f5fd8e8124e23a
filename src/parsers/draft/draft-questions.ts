import { counted } from '../../kernel/counted.ts';
import type { ColumnFacts } from './column-facts.ts';
import { plainWords } from './column-names.ts';
import type { ColumnRoles } from './column-roles.ts';
import { type Question, shownList } from './draft-guess.ts';
import type { DraftSettings } from './draft-settings.ts';
import type { SampleTable } from './sample-table.ts';
import { offGrid } from './time-settings.ts';
import { numberedNames } from './wide-ranges.ts';

interface QuestionParts {
    readonly table: SampleTable;
    readonly facts: readonly ColumnFacts[];
    readonly roles: ColumnRoles;
    readonly settings: DraftSettings;
}

/** What no sample tells, then what is odd about this one; each with the value that stands in the draft until it is answered. */
export function draftQuestions(parts: QuestionParts): Question[] {
    const { roles } = parts;
    const isExport = /export|einspeis|generation|production|feed_?in|injection/.test(
        plainWords(roles.value?.name ?? ''),
    );
    return [
        {
            field: 'unknownMeter',
            value: 'wait',
            question:
                'does a row of a meter that nobody registered wait until it is loaded as master data, or does the feed register the meter (register)?',
        },
        {
            field: 'flow',
            value: isExport ? 'fromCustomer' : 'toCustomer',
            question: `is this energy to the customer (toCustomer), or from it, as of a solar roof (fromCustomer)?${isExport ? ` The column is named ${roles.value?.name}.` : ''}`,
        },
        ...clockQuestion(parts),
        {
            field: 'rank',
            value: 100,
            question: `which feed wins where another one says something else about the same interval? The higher rank does; ${roles.version ? 'at equal rank measured over estimated, then the newer version stamp' : 'within this feed, which has no version column, measured wins over estimated, then the later receipt'}.`,
        },
        ...repeatedRows(parts),
        ...valueQuestions(parts),
        ...besideCells(parts),
        ...oddities(parts),
    ];
}

function clockQuestion({ settings }: QuestionParts): Question[] {
    const { clock, isOpen } = settings.clock;
    const { read, withOffset } = settings.stamps;
    if (withOffset > 0 && withOffset < read) {
        const question = `${withOffset} of ${read} stamps have an offset and the others none: on which clock are those?`;
        return [{ field: 'clock', value: clock.value, question }];
    }
    if (!isOpen) return [];
    const question =
        'on which clock are the stamps: utc, the local time of a zone (say which), or a fixed offset all year? Ask the sender; a wrong answer moves every reading.';
    return [{ field: 'clock', value: clock.value, question }];
}

function repeatedRows({ settings }: QuestionParts): Question[] {
    const { repeated } = settings.stamps;
    if (repeated === 0 || settings.clock.repeatedHour?.value === 'by-order') return [];
    const question = `${counted(repeated, 'row')} with the meter, register and stamp of another one: does the last one count (last), or none (refuse), or does a column tell them apart (role register)?`;
    return [{ field: 'repeatedInPayload', value: 'last', question }];
}

function valueQuestions({ facts, roles, settings }: QuestionParts): Question[] {
    const questions: Question[] = [];
    const name = roles.value?.name ?? 'the columns of the day';
    const { looksCumulative, odd } = settings.values;
    if (looksCumulative) {
        const question = `the values of ${name} never fall: are they readings of a register? A contract takes them for the energy of each interval, so they must become differences first.`;
        questions.push({ field: 'value', value: name, question });
    }
    if (odd.length > 0) {
        const question = `what do ${shownList(odd)} in ${name} mean? They are quarantined as no numbers, unless nullTexts has them.`;
        questions.push({ field: 'nullTexts', value: settings.values.nullTexts.value, question });
    }
    const others = facts.filter(
        (column) =>
            column.hasDecimals &&
            column.numberShare > 0.8 &&
            roles.guesses.get(column.place)?.value === 'ignored',
    );
    if (others.length > 0 && roles.value) {
        const question = `are ${shownList(others.map((column) => column.name))} readings too? A contract has one column of values; another contract over the same files reads the next one.`;
        questions.push({ field: 'value', value: name, question });
    }
    const decimals = settings.guesses.find(({ field }) => field === 'maxDecimals');
    if (decimals && /quarantined/.test(decimals.why)) {
        const question = 'can the sender round the values? Those of more than 12 decimals are quarantined.';
        questions.push({ field: 'maxDecimals', value: decimals.value, question });
    }
    return questions;
}

/** Columns of quality or of another quantity for each interval of a row, which no contract reads. */
function besideCells({ table, roles }: QuestionParts): Question[] {
    const numbered = numberedNames(table.columns);
    const others = table.columns.filter((name, place) => numbered.has(name) && roles.guesses.has(place));
    if (roles.cells.length === 0 || others.length === 0) return [];
    const question = `are ${shownList(others, 2)} the qualities, or another quantity, of the intervals beside them? A contract reads one value of each interval and one quality of a row, and leaves them alone.`;
    return [{ field: 'periods', value: 'ignored', question }];
}

function oddities({ table, roles, settings }: QuestionParts): Question[] {
    const questions: Question[] = [];
    const unknown = settings.codes?.unknown ?? [];
    if (unknown.length > 0) {
        const question = `what does the sender mean by ${shownList(unknown)}: measured, estimated, missing or withdrawn?`;
        questions.push({ field: 'qualityCodes', value: settings.codes?.codes.value, question });
    }
    if (roles.unit && roles.guesses.get(roles.unit.place)?.value === 'unit') {
        const strange = [...roles.unit.counts.keys()].filter(
            (text) => !['kWh', 'Wh', 'MWh', 'kW'].includes(text),
        );
        if (strange.length > 0) {
            const question = `rows of ${shownList(strange)} are quarantined, and a file most of whose rows are so is refused: can they be left out?`;
            questions.push({ field: 'unit', value: roles.unit.name, question });
        }
    }
    const minutes = Number(settings.guesses.find(({ field }) => field === 'intervalMinutes')?.value ?? 30);
    const off = offGrid(settings.stamps, minutes);
    if (off > 0) {
        const question = `${counted(off, 'stamp')} not at a whole number of ${minutes} minutes after the hour, and quarantined for it: what do they mark?`;
        questions.push({ field: 'intervalMinutes', value: minutes, question });
    }
    if (table.oddLines > 0) {
        const question = `${counted(table.oddLines, 'line')} of the sample without these columns, and quarantined for it: what are they?`;
        questions.push({ field: 'format', value: table.format.value, question });
    }
    return questions;
}
