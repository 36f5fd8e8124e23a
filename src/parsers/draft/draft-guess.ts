import { GridtallyError, type InputFault } from '../../kernel/errors.ts';

/** `certain`: the sample leaves nothing else; `likely`: something speaks for it; `unsure`: a common choice, nothing more. */
export type Certainty = 'certain' | 'likely' | 'unsure';

/** A value that was read off a sample, and what speaks for it. */
export interface Guessed<T> {
    readonly value: T;
    readonly why: string;
    readonly certainty: Certainty;
    /** What else it might be, the likeliest first. */
    readonly alternatives: readonly string[];
}

/** A setting, or the role of a column (`COLUMN.role`), that was guessed. */
export interface Guess extends Guessed<unknown> {
    readonly field: string;
}

/** What no sample can tell and a person has to; `value` stands in the draft until then. */
export interface Question {
    readonly field: string;
    readonly value: unknown;
    readonly question: string;
}

export function guessed<T>(
    value: T,
    why: string,
    certainty: Certainty,
    alternatives: readonly string[] = [],
): Guessed<T> {
    return { value, why, certainty, alternatives };
}

/** A text of the sample as it may stand in a sentence or a comment: quoted, on one line, not long. */
export function shown(text: string): string {
    return JSON.stringify(text.length <= 40 ? text : `${text.slice(0, 39)}…`);
}

/** The first few of a list, and how many more there are. */
export function shownList(texts: readonly string[], most = 8): string {
    const more = texts.length > most ? ` and ${texts.length - most} more` : '';
    return `${texts.slice(0, most).map(shown).join(', ')}${more}`;
}

/** The sample is no text in lines and fields that any contract could read. */
export function unreadableSample(
    file: string,
    message: string,
    options: { readonly remedy?: string; readonly line?: number; readonly field?: string } = {},
): GridtallyError {
    const { remedy, ...place } = options;
    const told = `${file} cannot be read as a table of readings.`;
    return new GridtallyError('feed.sample-unreadable', told, {
        ...(remedy === undefined ? {} : { remedy }),
        faults: [{ file, ...place, message }],
    });
}

/** It can be read, but what every feed needs is not to be found in it. */
export function unclearSample(
    message: string,
    faults: readonly InputFault[],
    remedy?: string,
): GridtallyError {
    return new GridtallyError('feed.sample-unclear', message, {
        faults,
        ...(remedy === undefined ? {} : { remedy }),
    });
}
