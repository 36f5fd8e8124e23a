import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { removeAbandonedScratch, scratchName } from '../../src/kernel/scratch.ts';

const folder = mkdtempSync(path.join(os.tmpdir(), 'gridtally-scratch-'));
after(() => rmSync(folder, { recursive: true }));

const DAY_MS = 86_400_000;

test('scratch of dead processes of this machine goes, and what another machine left a week ago', () => {
    const dead = spawnSync(process.execPath, ['-e', '']).pid;
    const hex = '0123456789abcdef';
    const own = scratchName('spill');
    const made = {
        [own]: 0,
        [scratchName('spool')]: 30,
        [`spill-${os.hostname()}.${dead}.${hex}`]: 0,
        [`spool-another.host.${dead}.${hex}`]: 6,
        [`spill-another.host.${dead}.${hex}`]: 8,
        'what-a-person-keeps': 30,
    };
    for (const [name, ageDays] of Object.entries(made)) {
        const at = path.join(folder, name);
        if (name.startsWith('spill')) mkdirSync(path.join(at, 'inner'), { recursive: true });
        else writeFileSync(at, 'rows');
        const then = (Date.now() - ageDays * DAY_MS) / 1000;
        utimesSync(at, then, then);
    }
    removeAbandonedScratch(folder);
    const gone = Object.keys(made).filter((name) => !readdirSync(folder).includes(name));
    assert.deepEqual(gone, [`spill-${os.hostname()}.${dead}.${hex}`, `spill-another.host.${dead}.${hex}`]);
});

test('no two names are alike', () => {
    const names = Array.from({ length: 1000 }, () => scratchName('spill'));
    assert.equal(new Set(names).size, names.length);
});
