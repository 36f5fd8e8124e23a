import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decompressed } from '../../src/kernel/compression.ts';
import { GridtallyError } from '../../src/kernel/errors.ts';
import { type Draft, draftContract } from '../../src/parsers/draft/draft-contract.ts';
import { type SampleForm, sampleForms, writeSample } from '../chain/infer-samples.ts';

const FORMATS: Partial<Record<SampleForm['stamps'], string>> = {
    'seven zeros': '%Y-%m-%d %H:%M:%S.0000000',
    'day first': '%d/%m/%Y %H:%M',
    points: '%d.%m.%Y %H:%M:%S',
    'month first': '%m/%d/%Y %H:%M',
    digits: '%Y%m%d%H%M',
};
const isWide = ({ shape }: SampleForm) => shape === 'periods' || shape === 'times';

/** What the settings of a form truly are, as far as a draft may have to guess them. */
function truthOf(form: SampleForm): Record<string, unknown> {
    const hasOffset = (form.stamps === 'iso utc' || form.stamps === 'iso offset') && !isWide(form);
    return {
        unit: form.unit,
        intervalMinutes: form.minutes,
        ...(form.shape === 'periods' ? {} : { stampMarks: form.marks }),
        ...(isWide(form) ? {} : { stampFormat: FORMATS[form.stamps] ?? 'iso' }),
        clock: form.zone === 'none' || hasOffset ? 'utc' : form.zone,
        format: form.shape === 'ndjson' ? 'ndjson' : form.delimiter === '\t' ? 'tsv' : 'csv',
        ...(form.shape === 'ndjson' ? {} : { delimiter: form.delimiter }),
    };
}

/** Some lines of a sample that follow each other, with its header; a draft of them, if there is one. */
async function draftOfPart(
    form: SampleForm,
    part: { from: number; count: number },
): Promise<Draft | undefined> {
    const { bytes } = writeSample({ ...form, packing: 'none' });
    const lines = bytes.toString().trim().split('\n');
    const head = form.shape === 'ndjson' ? [] : lines.splice(0, 1);
    const from = part.from % lines.length;
    const text = [...head, ...lines.slice(from, from + part.count)].join('\n');
    try {
        return await draftContract(decompressed([Buffer.from(text)]), { file: 'part.csv' });
    } catch (error) {
        if (error instanceof GridtallyError) return undefined;
        throw error;
    }
}

test('a guess that is called certain is true, and a likely one nearly always, however few rows it was made from', async () => {
    const part = fc.record({
        from: fc.nat(5000),
        count: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 13, max: 300 })),
    });
    const counts = { certain: 0, likely: 0, wrong: 0, unsure: 0 };
    let drafts = 0;
    await fc.assert(
        fc.asyncProperty(sampleForms, part, async (form, rows) => {
            const draft = await draftOfPart(form, rows);
            if (draft === undefined) return;
            drafts += 1;
            const truth = truthOf(form);
            for (const { field, value, certainty, why } of draft.guesses) {
                if (truth[field] === undefined) continue;
                counts[certainty] += 1;
                if (certainty === 'certain') assert.deepEqual(value, truth[field], `${field}: ${why}`);
                if (certainty === 'likely' && value !== truth[field]) counts.wrong += 1;
            }
        }),
        { numRuns: Number(process.env.GRIDTALLY_SAMPLES ?? 300), includeErrorInReport: true },
    );
    assert.ok(drafts > 100, `${drafts} drafts`);
    const { certain, likely, wrong, unsure } = counts;
    assert.ok(certain > drafts, `${certain} guesses of ${drafts} drafts were certain`);
    assert.ok(wrong * 20 <= likely, `${wrong} of ${likely} likely guesses were wrong`);
    assert.ok(unsure < certain + likely, `${unsure} guesses were unsure, ${certain + likely} were not`);
});
