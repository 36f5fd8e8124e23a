/**
 * A person's values come in as a feed of their own, through the same raw store as every other reading, so that they survive a rebuild.
 * Its contract is shipped and cannot be replaced by a home.
 */
export const EDIT_FEED = 'gridtally-edit';

/** The same for a person's reads of registers. */
export const REGISTER_EDIT_FEED = 'gridtally-register-read';

export type EditFeed = typeof EDIT_FEED | typeof REGISTER_EDIT_FEED;

export function isEditFeed(name: string): name is EditFeed {
    return name === EDIT_FEED || name === REGISTER_EDIT_FEED;
}

/** Above every rank that a contract may give (0 to 1000): an edit wins over all that a feed says. `version_outcomes` knows it by that. */
export const EDIT_RANK = 1_000_000;
