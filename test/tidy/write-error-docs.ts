/** Writes `docs/errors.md` from the catalogue of errors. Run after the catalogue has changed. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { errorDocs } from './error-docs.ts';
import { ROOT } from './tree.ts';

writeFileSync(path.join(ROOT, 'docs', 'errors.md'), errorDocs());
