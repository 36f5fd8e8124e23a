import assert from 'node:assert/strict';
import { appendFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { GridtallyError } from '../../src/kernel/errors.ts';
import { HOME_FILE, initHome, readHome } from '../../src/store/home.ts';
import { makeScratchFolder, removeScratchFolder } from './scratch-home.ts';

const DAY = `[${Array.from({ length: 48 }, (_, i) => `0.${10 + i}`).join(', ')}]`;
const season = (from: string, sunday = DAY) =>
    `    - from: "${from}"\n      weekday: ${DAY}\n      saturday: ${DAY}\n      sunday: ${sunday}\n`;

async function inHome(work: (folder: string, file: string) => Promise<void> | void): Promise<void> {
    const root = makeScratchFolder();
    try {
        const folder = path.join(root, 'home');
        await initHome(folder);
        appendFileSync(path.join(folder, HOME_FILE), 'estimation: { loadShape: { file: shapes.yaml } }\n');
        await work(folder, path.join(folder, 'shapes.yaml'));
    } finally {
        await removeScratchFolder(root);
    }
}

function faultsOf(folder: string): string[] {
    try {
        readHome(folder);
        return [];
    } catch (error) {
        assert.ok(error instanceof GridtallyError);
        assert.equal(error.code, 'home.config-invalid');
        return [error.message, ...error.faults.map((f) => `${f.file}:${f.line} ${f.field} ${f.message}`)];
    }
}

test('load shapes are read from the file that the settings name, as whole millionths', () =>
    inHome((folder, file) => {
        writeFileSync(file, `classes:\n  home:\n${season('04-01')}${season('10-01')}`);
        const { estimation, loadShapeFile } = readHome(folder);
        assert.equal(loadShapeFile, 'shapes.yaml');
        const [summer, winter] = estimation.loadShapes.home ?? [];
        assert.deepEqual([summer?.from, winter?.from], ['04-01', '10-01']);
        assert.deepEqual(summer?.weekday.slice(0, 3), [100_000, 110_000, 120_000]);
        assert.equal(winter?.sunday.length, 48);
    }));

test('a file that is not there, or not right, is told with its lines', () =>
    inHome((folder, file) => {
        assert.match(faultsOf(folder).join(), /there is no .*shapes\.yaml/);
        writeFileSync(
            file,
            `classes:\n  home:\n${season('10-01', '[1, 2]')}${season('04-01', DAY.replace('0.10', '-1'))}  shop: []\nmore: 1\n`,
        );
        const [, ...faults] = faultsOf(folder);
        assert.deepEqual(
            faults.map((fault) => fault.replace(/^shapes\.yaml:/, '')),
            [
                '6 classes.home.0.sunday must have 48 values, one for each half-hour of the local day from 00:00 on',
                '10 classes.home.1.sunday.0 must be from 0 to 1000, with at most six decimals',
                '11 classes.shop must have a season',
                '12 more there is no such setting',
            ],
        );
        writeFileSync(file, `classes:\n  home:\n${season('10-01')}${season('04-01')}`);
        assert.match(
            faultsOf(folder).join(),
            /2 classes\.home must have its seasons in the order of the year/,
        );
        writeFileSync(file, `classes:\n  home:\n${season('02-30').replaceAll(/0\.\d\d/g, '0')}`);
        assert.match(faultsOf(folder).join(), /classes\.home must have more than nothing in each season/);
    }));

test('a name that leads out of the home is refused', async () => {
    const root = makeScratchFolder();
    try {
        const folder = path.join(root, 'home');
        await initHome(folder);
        appendFileSync(path.join(folder, HOME_FILE), 'estimation: { loadShape: { file: ../shapes.yaml } }\n');
        assert.match(
            faultsOf(folder).join(),
            /estimation\.loadShape\.file must be the name of a file in the folder of the home/,
        );
    } finally {
        await removeScratchFolder(root);
    }
});
