import { overrideModel } from '../../src/engine/compile.ts';

/** Slower than any test has patience for; its tasks look whether they are to stop, which those of an aggregate of texts do not. */
const FOR_HOURS =
    "from (select s.* from sums as s inner join (select count(*) as n from range(0, 900000000000, 1, 2) where sha2(cast(id as string), 512) = 'x') on n >= 0) as sums";

/** Loaded before a command, as by `--import`, makes the step of its refresh that computes hours take hours. */
overrideModel('curation/present_hours', (text) => text.replace('from sums', FOR_HOURS), ['sha2']);
