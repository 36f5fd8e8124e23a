import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { incomingFiles } from '../../src/cli/incoming-files.ts';
import { GridtallyError } from '../../src/kernel/errors.ts';
import { makeScratchFolder, removeScratchFolder } from '../store/scratch-home.ts';

const folder = makeScratchFolder();
after(() => removeScratchFolder(folder));

function put(...files: string[]): void {
    for (const file of files) {
        mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
        writeFileSync(path.join(folder, file), 'x');
    }
}

put('mine/b.csv', 'mine/a.csv', 'mine/deep/c.csv', 'mine/.hidden', 'mine/homely.csv');
put(
    ...['gridtally.yaml', 'database/password', 'lake/x.parquet', 'raw/1.seg', 'inbox/d.csv'].map(
        (file) => `mine/home/${file}`,
    ),
);
put('mine/deep/other/gridtally.yaml', 'mine/deep/other/raw/2.seg', 'mine/home.csv');
put('mine/saved/gridtally-backup.json', 'mine/saved/objects/ab/cd', 'mine/saved/snapshots/1.json');
symlinkSync(path.join(folder, 'mine/home/database/password'), path.join(folder, 'to-a-password.csv'));
symlinkSync(path.join(folder, 'mine/home'), path.join(folder, 'to-a-home'));
symlinkSync(path.join(folder, 'mine/a.csv'), path.join(folder, 'to-a-file.csv'));

const keysOf = (...paths: string[]) => {
    const { files, skippedHomes } = incomingFiles(paths.map((one) => path.join(folder, one)));
    return [files.map(({ sourceKey }) => sourceKey), skippedHomes.map((home) => path.relative(folder, home))];
};

test('all files below a folder are delivered but for homes and backups, which are named', () => {
    assert.deepEqual(keysOf('mine'), [
        ['a.csv', 'b.csv', 'deep/c.csv', 'home.csv', 'homely.csv'],
        ['mine/deep/other', 'mine/home', 'mine/saved'],
    ]);
    assert.deepEqual(keysOf('mine/a.csv', 'mine/deep/c.csv'), [['a.csv', 'c.csv'], []]);
    assert.deepEqual(keysOf('to-a-file.csv'), [['to-a-file.csv'], []], 'a link to a file');
    assert.deepEqual(keysOf('mine/home/inbox'), [['d.csv'], []], "a person's own folder in a home");
});

test('a home, what it keeps and its backups are refused, also by a link', () => {
    for (const [given, message] of [
        ['mine/home', /home is a home$/],
        ['mine/home/database/password', /password belongs to the home .*home$/],
        ['mine/home/gridtally.yaml', /belongs to the home/],
        ['mine/home/lake', /belongs to the home/],
        ['mine/deep/other/raw/2.seg', /belongs to the home .*other$/],
        ['mine/saved', /saved is a folder of backups$/],
        ['mine/saved/objects/ab/cd', /belongs to the backups .*saved$/],
        ['to-a-password.csv', /to-a-password\.csv belongs to the home .*home$/],
        ['to-a-home', /to-a-home is a home$/],
        ['mine/none.csv', /no such file or folder: .*none\.csv$/],
    ] as const) {
        assert.throws(
            () => keysOf('mine/a.csv', given),
            (error) => error instanceof GridtallyError && message.test(error.message),
            given,
        );
    }
});
