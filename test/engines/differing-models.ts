import { overrideModel } from '../../src/engine/compile.ts';

/** Conditions that one engine takes for true, and the other cannot compute. */
const CONDITIONS = {
    // a division by zero is an infinity on the other engine
    failsOnSpark: '1 / (1 - 1) > 0',
    // a product of 18 digits and whole ones is given more digits by the other engine
    failsOnDuckdb: 'cast(999999999999 as decimal(18, 6)) * 1000000 > 0',
} as const;

/** Plants one of them in `curation/curated_days`; gives what takes it out again. */
export function withModelThat(fails: keyof typeof CONDITIONS): () => void {
    return overrideModel('curation/curated_days', (text) =>
        text.replace('from hours as h', `from (select * from hours where ${CONDITIONS[fails]}) as h`),
    );
}
