/** What `npm run check` runs: the types of the whole tree, then its form and lint rules. Exit code 0 when both hold. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';

const root = path.join(import.meta.dirname, '..');
// Off a terminal, Biome colours every letter by itself.
const colors = process.stdout.isTTY ? [] : ['--colors=off'];
const checks = [
    { name: 'types', script: 'node_modules/typescript/bin/tsc', args: ['-p', '.'] },
    {
        name: 'lint',
        script: 'node_modules/@biomejs/biome/bin/biome',
        args: ['ci', '--error-on-warnings', '--diagnostic-level=warn', ...colors, '.'],
    },
];

for (const { name, script, args } of checks) {
    const result = spawnSync(process.execPath, [path.join(root, script), ...args], {
        cwd: root,
        stdio: 'inherit',
    });
    if (result.status !== 0) process.exitCode = 1;
    process.stdout.write(`${result.status === 0 ? 'ok' : 'NOT OK'} ${name}\n`);
}
