/** Prints how far estimates were off on real homes: the table of docs/estimation.md. `node run.cjs test/chain/report-estimates.ts` */
import assert from 'node:assert/strict';
import { runWithheld, wholeHomes } from './lcl-withheld.ts';

const result = await runWithheld({ homes: wholeHomes(), from: '2013-01-01', to: '2014-01-01', seed: 1 });
assert.deepEqual(result.late, result.clean);
const lines = result.errors.map(
    ({ method, intervals, meanKwh, meanAbsoluteError, bias }) =>
        `| \`${method}\` | ${intervals} | ${meanKwh.toFixed(4)} | ${meanAbsoluteError.toFixed(4)} | ${bias.toFixed(4)} | ${((100 * bias) / meanKwh).toFixed(1)} % |`,
);
process.stdout.write(
    `${result.withheld} half-hours kept back, ${result.estimated} of them estimated meanwhile\n\n` +
        '| method | half-hours | mean kWh | mean absolute error | bias | of the energy |\n|---|---|---|---|---|---|\n' +
        `${lines.join('\n')}\n`,
);
