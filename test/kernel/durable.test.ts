import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
    existsSync,
    mkdirSync,
    mkdtempSync,
    readdirSync,
    readFileSync,
    rmSync,
    statSync,
    writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
    DurableFile,
    isUnfinishedName,
    makeFolderDurably,
    removeFiles,
    syncTree,
    syncWrittenFiles,
    writeFileDurably,
} from '../../src/kernel/durable.ts';
import { PAUSED, plannedPoint } from '../../src/kernel/faults.ts';

const root = mkdtempSync(path.join(os.tmpdir(), 'gridtally-durable-'));
after(() => rmSync(root, { recursive: true }));

let folder = '';
let count = 0;
beforeEach(() => {
    folder = path.join(root, `case ${++count}`);
    mkdirSync(folder);
});

describe('a durable write', () => {
    it('replaces a whole file, or refuses to where asked', async () => {
        const file = path.join(folder, 'a.txt');
        await writeFileDurably(file, 'one', { mode: 0o600 });
        await writeFileDurably(file, Buffer.from('two'), { mode: 0o600 });
        await assert.rejects(writeFileDurably(file, 'three', { replace: false }), { code: 'EEXIST' });
        assert.equal(readFileSync(file, 'utf8'), 'two');
        assert.equal(statSync(file).mode & 0o777, 0o600);
        assert.deepEqual(readdirSync(folder), ['a.txt'], 'no temporary file is left');
    });

    it('takes effect in the order of the calls, however they overlap', async () => {
        const file = await DurableFile.create(folder, { label: 'segment' });
        assert.ok(isUnfinishedName(path.basename(file.path)));
        const steps = [
            file.append(Buffer.from('0000 first')),
            file.sync(),
            file.append(Buffer.from(' second')),
        ];
        steps.push(
            file.writeAt(0, Buffer.from('0002')),
            file.sync(),
            file.publish(path.join(folder, 'segment')),
        );
        assert.equal(file.size, 17);
        await Promise.all(steps);
        assert.equal(readFileSync(path.join(folder, 'segment'), 'utf8'), '0002 first second');
        assert.deepEqual(readdirSync(folder), ['segment']);
        await assert.rejects(file.append(Buffer.from('more')), { name: 'AssertionError' });
    });

    it('that failed is never continued, and leaves no file', async () => {
        const file = await DurableFile.create(folder);
        await file.append(Buffer.from('x'));
        await assert.rejects(file.publish(path.join(folder, 'missing', 'a')), { code: 'ENOENT' });
        await assert.rejects(file.sync(), { code: 'ENOENT' });
        await file.discard();
        assert.deepEqual(readdirSync(folder), []);
    });

    it('covers files that something else wrote, folders and removals', async () => {
        const deep = path.join(folder, 'lake', '2013', '05');
        await Promise.all([
            makeFolderDurably(deep),
            makeFolderDurably(deep),
            makeFolderDurably(path.join(folder, 'lake')),
        ]);
        const files = Array.from({ length: 40 }, (_, i) => path.join(deep, `${i}.parquet`));
        for (const file of files) writeFileSync(file, 'x');
        await syncWrittenFiles(files, folder);
        await syncTree(folder);
        await assert.rejects(syncWrittenFiles([path.join(deep, 'missing')]), { code: 'ENOENT' });
        await removeFiles([...files, path.join(folder, 'never', 'there')]);
        assert.deepEqual(readdirSync(deep), []);
        rmSync(path.join(folder, 'lake'), { recursive: true });
        await makeFolderDurably(deep);
        assert.ok(existsSync(deep), 'a folder that was removed is made again');
    });
});

describe('a simulated power cut', () => {
    const script = fileURLToPath(new URL('./power-cut.ts', import.meta.url));
    const cut = (forget: string) => {
        const env = { ...process.env, GRIDTALLY_CRASH: 'receive:2', GRIDTALLY_FORGET_UNSYNCED: forget };
        const { signal, stderr } = spawnSync(process.execPath, [script, folder], { env, encoding: 'utf8' });
        assert.equal(signal, 'SIGKILL', stderr);
        const names = readdirSync(folder, { recursive: true }) as string[];
        return Object.fromEntries(
            names
                .filter((name) => statSync(path.join(folder, name)).isFile())
                .map((name) => [
                    name.replace(/[0-9a-f]{16}/, '*'),
                    readFileSync(path.join(folder, name), 'utf8'),
                ]),
        );
    };

    it('takes everything that was not synced, and nothing else', () => {
        assert.deepEqual(cut('1'), {
            published: 'kept',
            '.synced.*.part': '1234kept',
            'copied.parquet': 'kept',
        });
    });

    it('may leave some of the bytes', () => {
        const left = cut('torn');
        assert.equal(left['.synced.*.part'], '1234keptlo');
        assert.equal(left.published, 'kept');
    });

    it('is not simulated unless asked: a mere kill loses nothing', () => {
        assert.deepEqual(cut(''), {
            published: 'kept',
            '.synced.*.part': '0000keptlost',
            '.never.*.part': 'lost',
            'copied.parquet': 'kept',
            'unsynced.parquet': 'lost',
        });
    });
});

describe('a full disk', () => {
    const script = fileURLToPath(new URL('./full-disk.ts', import.meta.url));

    it('fails the write that finds no room and every later one, and leaves what was there', () => {
        const env = { ...process.env, GRIDTALLY_DISK_FULL: '15' };
        const { stdout, stderr } = spawnSync(process.execPath, [script, folder], { env, encoding: 'utf8' });
        assert.equal(stdout, 'done done ENOSPC ENOSPC', stderr);
        assert.deepEqual(readdirSync(folder).sort(), ['copied', 'first'], 'no temporary file is left');
        assert.equal(readFileSync(path.join(folder, 'first'), 'utf8'), '0123456789');
    });

    it('also fails an engine whose file no longer fits', () => {
        const env = { ...process.env, GRIDTALLY_DISK_FULL: '11' };
        const { stdout, stderr } = spawnSync(process.execPath, [script, folder], { env, encoding: 'utf8' });
        assert.equal(stdout, 'done ENOSPC ENOSPC ENOSPC', stderr);
    });
});

describe('a planned pause', () => {
    it('stops the process at its point until it is told to go on', async () => {
        const script = fileURLToPath(new URL('./power-cut.ts', import.meta.url));
        const env = { ...process.env, GRIDTALLY_PAUSE: 'receive:1' };
        const child = spawn(process.execPath, [script, folder], { env, stdio: ['ignore', 'ignore', 'pipe'] });
        const [said] = await once(child.stderr, 'data');
        assert.equal(String(said), `${PAUSED}receive:1\n`);
        await sleep(200);
        assert.ok(existsSync(path.join(folder, 'copied.parquet')));
        assert.ok(!existsSync(path.join(folder, 'unsynced.parquet')), 'nothing was written meanwhile');
        child.kill('SIGCONT');
        assert.deepEqual(await once(child, 'close'), [0, null]);
        assert.ok(existsSync(path.join(folder, 'unsynced.parquet')));
    });
});

describe('a planned crash', () => {
    it('names a stage and a pass, and nothing else', () => {
        assert.deepEqual(plannedPoint('roll-up:3'), { stage: 'roll-up', pass: 3 });
        assert.deepEqual(plannedPoint('append'), { stage: 'append', pass: 1 });
        assert.equal(plannedPoint(undefined), undefined);
        for (const wrong of ['rollup:1', 'append:0', 'append:x', ':1'])
            assert.throws(() => plannedPoint(wrong));
    });
});
