import assert from 'node:assert/strict';
import test from 'node:test';
import { expectNone } from './expect-none.ts';
import { readTree } from './tree.ts';

interface Package {
    readonly version?: string;
    readonly dependencies?: Readonly<Record<string, string>>;
    readonly devDependencies?: Readonly<Record<string, string>>;
    readonly optionalDependencies?: Readonly<Record<string, string>>;
}
type Lock = Readonly<Record<string, Package>>;

const folders = ['', 'runtime/'];
const readJson = (file: string) => JSON.parse(readTree(file));
const lockOf = (folder: string): Lock => readJson(`${folder}package-lock.json`).packages;

test('every package is pinned to one version, and the lock file has that version', () => {
    const wrong = folders.flatMap((folder) => {
        const lock = lockOf(folder);
        return Object.entries(namedBy(readJson(`${folder}package.json`)))
            .filter(
                ([name, version]) => !isPinned(version) || lock[`node_modules/${name}`]?.version !== version,
            )
            .map(([name, version]) => `${folder}package.json: ${name} ${version}`);
    });
    expectNone(wrong);
});

function namedBy(entry: Package): Readonly<Record<string, string>> {
    return { ...entry.dependencies, ...entry.devDependencies, ...entry.optionalDependencies };
}

function isPinned(version: string): boolean {
    return /^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version);
}

test('the lock file has what its packages need on every platform, else npm refuses to install', () => {
    const wrong = folders.flatMap((folder) =>
        missingFrom(lockOf(folder)).map((name) => `${folder}package-lock.json lacks ${name}`),
    );
    expectNone(
        wrong,
        'npm leaves out what a registry does not hold; write the entry by hand, with os and cpu:',
    );
});

test('the rule about the lock file sees a missing package, and one that lies deeper', () => {
    const needs = { optionalDependencies: { 'b-linux': '1.0.0', 'b-darwin': '1.0.0' } };
    const lock = { '': {}, 'node_modules/a': needs, 'node_modules/a/node_modules/b-linux': {} };
    assert.deepEqual(missingFrom(lock), ['b-darwin, which node_modules/a needs']);
    assert.deepEqual(missingFrom({ ...lock, 'node_modules/b-darwin': {} }), []);
});

function missingFrom(lock: Lock): string[] {
    return Object.entries(lock).flatMap(([at, { dependencies, optionalDependencies }]) =>
        Object.keys({ ...dependencies, ...optionalDependencies })
            .filter((name) => !placesFor(at, name).some((place) => lock[place] !== undefined))
            .map((name) => `${name}, which ${at} needs`),
    );
}

/** Where Node would look for `name` from the package at `at`: in its own folder, then in those above. */
function placesFor(at: string, name: string): string[] {
    const steps = at === '' ? [] : at.split('/node_modules/');
    return steps
        .map((_, i) => `${steps.slice(0, steps.length - i).join('/node_modules/')}/node_modules/${name}`)
        .concat(`node_modules/${name}`);
}
