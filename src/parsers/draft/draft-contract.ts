import { isEditFeed } from '../../contracts/edit-feed.ts';
import { assert, GridtallyError } from '../../kernel/errors.ts';
import { isFeedName } from '../../kernel/ids.ts';
import { readContract } from '../contract.ts';
import { shippedContracts } from '../feed-catalogue.ts';
import { columnFacts } from './column-facts.ts';
import { findRoles } from './column-roles.ts';
import { type Guess, type Guessed, guessed, type Question, shown, unreadableSample } from './draft-guess.ts';
import { draftQuestions } from './draft-questions.ts';
import { draftSettings, unitSpelling } from './draft-settings.ts';
import { draftText } from './draft-text.ts';
import { looksHeadless } from './missing-roles.ts';
import { readSampleLines } from './sample-lines.ts';
import { readSampleTable, type SampleTable } from './sample-table.ts';
import { findWideRange } from './wide-ranges.ts';

/** A contract that reads the sample, with all that it takes for granted. */
export interface Draft {
    readonly feed: string;
    /** Text of the document, with a comment above each guess and question. */
    readonly contract: string;
    readonly guesses: readonly Guess[];
    readonly questions: readonly Question[];
    /** Rows of the sample, and whether the file goes on after them. */
    readonly rows: number;
    readonly isWhole: boolean;
}

export interface DraftOptions {
    /** The file's name, without its folder. */
    readonly file: string;
    /** Name of the feed; made from that of the file where it is absent. */
    readonly name?: string;
    /** Zone of the meters, where it is known. */
    readonly zone?: string;
}

/**
 * Drafts a feed's contract from a sample of its files, of which it reads the beginning. Throws `feed.sample-unreadable` where that is
 * no table, and `feed.sample-unclear` where a meter, a stamp or a value is not to be found, with all that is missing.
 */
export async function draftContract(
    chunks: AsyncIterable<Buffer> | Iterable<Buffer>,
    options: DraftOptions,
): Promise<Draft> {
    const { file } = options;
    const name = feedNameOf(options);
    const table = readSampleTable(await readSampleLines(chunks, file));
    const wide = table.format.value === 'ndjson' ? undefined : findWideRange(table.columns);
    if (looksHeadless(table, wide)) throw headless(table);
    const facts = columnFacts(table, wide);
    const roles = unitSpelling(findRoles(table, facts, wide));
    const settings = draftSettings({ table, facts, roles, wide, zone: options.zone });
    const questions = draftQuestions({ table, facts, roles, settings });
    const { text, columnGuesses } = draftText({ name, table, roles, wide, settings, questions });
    const contract = readContract(text, `${name.value}.odcs.yaml`);
    assert(contract.feed === name.value, 'a draft is a contract of the feed');
    return {
        feed: name.value,
        contract: text,
        guesses: [
            ...(options.name === undefined ? [{ field: 'name', ...name }] : []),
            ...columnGuesses,
            ...settings.guesses,
        ],
        questions,
        rows: table.rows.length,
        isWhole: table.isWhole,
    };
}

function headless(table: SampleTable): GridtallyError {
    const message = `the first line looks like a row, and there is no header: ${shown(table.columns.join(' '))}`;
    return unreadableSample(table.file, message, {
        line: 1,
        remedy: 'Ask the sender for a header, or put a first line with a name for each column into the file.',
    });
}

/** Of `MAC000002.csv.gz` it is `mac`: what a feed's files have in common, as far as one name tells. */
function feedNameOf({ file, name }: DraftOptions): Guessed<string> {
    if (name !== undefined) {
        if (isFeedName(name) && !isEditFeed(name)) return guessed(name, 'it was given', 'certain');
        throw new GridtallyError('usage.invalid', `no feed can be named ${shown(name)}`, {
            remedy: 'A feed is named by a lower-case letter, then letters, digits, - and _ (63 at most).',
        });
    }
    const plain = file
        .toLowerCase()
        .replace(/(\.(csv|tsv|txt|dat|ndjson|jsonl|json|gz|zst|zstd|gzip))+$/, '')
        .replace(/[^a-z0-9_-]+/g, '-')
        .replace(/([-_]*\d+)+$/, '')
        .replace(/^[^a-z]+|[-_]+$/g, '')
        .slice(0, 60);
    const isTaken = isEditFeed(plain) || shippedContracts().has(plain);
    const value = plain === '' ? 'feed' : isTaken ? `my-${plain}` : plain;
    return guessed(value, `the file is named ${file}`, 'unsure', ['whatever names what this sender sends']);
}
