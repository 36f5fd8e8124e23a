/**
 * A person's values come in as a feed of their own, through the same raw store as every other reading, so that they survive a rebuild.
 * Its contract is shipped and cannot be replaced by a home.
 */
export const EDIT_FEED = 'gridtally-edit';

/** Above every rank that a contract may give (0 to 1000): an edit wins over all that a feed says. `version_outcomes` knows it by that. */
export const EDIT_RANK = 1_000_000;
