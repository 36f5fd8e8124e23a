/**
 * Writes the documents that are made from code: `docs/errors.md` and `docs/ingest-rules.md`. Run it after the
 * catalogue of errors or the rules of arrival have changed; tests compare.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { errorDocs } from './error-docs.ts';
import { ingestRuleDocs } from './ingest-rule-docs.ts';
import { ROOT } from './tree.ts';

writeFileSync(path.join(ROOT, 'docs', 'errors.md'), errorDocs());
writeFileSync(path.join(ROOT, 'docs', 'ingest-rules.md'), ingestRuleDocs());
