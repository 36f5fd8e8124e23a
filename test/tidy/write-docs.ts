/**
 * Writes the documents that are made from code: `docs/errors.md`, `docs/ingest-rules.md` and the tables of `docs/validation.md`. Run it
 * after the catalogue of errors, the rules of arrival or those of validation have changed; tests compare.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { errorDocs } from './error-docs.ts';
import { ingestRuleDocs } from './ingest-rule-docs.ts';
import { ROOT, readTree } from './tree.ts';
import { validationRuleDocs } from './validation-rule-docs.ts';

writeFileSync(path.join(ROOT, 'docs', 'errors.md'), errorDocs());
writeFileSync(path.join(ROOT, 'docs', 'ingest-rules.md'), ingestRuleDocs());
writeFileSync(path.join(ROOT, 'docs', 'validation.md'), validationRuleDocs(readTree('docs/validation.md')));
