import assert from 'node:assert/strict';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import type { GridtallyError } from '../../src/kernel/errors.ts';
import { HOME_FILE, initHome, readHome } from '../../src/store/home.ts';
import { makeScratchFolder } from './scratch-home.ts';

const root = makeScratchFolder();
after(() => rmSync(root, { recursive: true }));

function faultsOf(folder: string): string[] {
    try {
        readHome(folder);
    } catch (error) {
        const { code, faults } = error as GridtallyError;
        assert.equal(code, 'home.config-invalid');
        return faults.map((fault) => `${fault.line} ${fault.field}: ${fault.message}`);
    }
    return [];
}

describe('a home', () => {
    it('is read as it was made, with defaults filled in and paths made absolute', async () => {
        const folder = path.join(root, 'made');
        const url = 'postgres://a:b@localhost/c';
        const home = await initHome(folder, {
            marketZone: 'Europe/London',
            currency: 'DKK',
            bucketSize: 32,
            databaseUrl: url,
        });
        assert.deepEqual(readHome(folder), home);
        const { marketZone, currency, bucketSize, lakeFolder, database } = home;
        assert.deepEqual(
            { marketZone, currency, bucketSize, lakeFolder, database },
            {
                marketZone: 'Europe/London',
                currency: 'DKK',
                bucketSize: 32,
                lakeFolder: path.join(folder, 'lake'),
                database: { url, schema: 'gridtally' },
            },
        );
        assert.ok(home.engine.threads >= 1 && home.engine.memory === '2GB');
        assert.equal(statSync(path.join(folder, HOME_FILE)).mode & 0o777, 0o600, 'it may hold a password');
    });

    it('explains each of its settings', async () => {
        const folder = path.join(root, 'explained');
        await initHome(folder);
        const text = readFileSync(path.join(folder, HOME_FILE), 'utf8');
        for (const setting of [
            'marketZone',
            'currency',
            'bucketSize',
            'memory',
            'threads',
            'lake',
            'url',
            'schema',
            'horizon',
            'validation',
        ]) {
            assert.match(text, new RegExp(`#.*\\n( *# )? *${setting}:`), `${setting} has a comment above it`);
        }
    });

    it('is made once, however many try', async () => {
        const tries = Array.from({ length: 5 }, () => initHome(path.join(root, 'raced')));
        const settled = await Promise.allSettled(tries);
        assert.equal(settled.filter((one) => one.status === 'fulfilled').length, 1);
        const refused = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason.code] : []));
        assert.deepEqual(new Set(refused), new Set(['home.exists']));
    });

    it('is not made of settings that cannot be, nor among files of others', async () => {
        const folder = path.join(root, 'refused');
        await assert.rejects(initHome(folder, { marketZone: 'Europe/Nowhere' }), {
            code: 'home.config-invalid',
        });
        await assert.rejects(initHome(folder, { bucketSize: 1000 }), { code: 'home.config-invalid' });
        await assert.rejects(initHome(folder, { currency: 'GBP\nid: 7' }), { code: 'home.config-invalid' });
        assert.throws(() => readHome(folder), { code: 'home.missing' });
        await assert.rejects(initHome(root), { code: 'home.exists' });
    });

    it('names a server for the bulk of the work, alone or beside what this process may take', async () => {
        const address = 'sc://host:15002/;token=a%3Bb;use_ssl=true';
        const made = await initHome(path.join(root, 'served'), { engine: address });
        assert.equal(made.engine.server, address);
        assert.equal(made.engine.memory, '2GB');
        const file = path.join(root, 'served', HOME_FILE);
        const [id = ''] = /^id: .*$/m.exec(readFileSync(file, 'utf8')) ?? [];
        writeFileSync(file, `${id}\nengine: ${address}\n`);
        assert.deepEqual(readHome(path.join(root, 'served')).engine, made.engine);
        writeFileSync(file, `${id}\nengine: spark:15002\n`);
        assert.deepEqual(
            faultsOf(path.join(root, 'served')).map((fault) => fault.split(':')[0]),
            ['2 engine.server'],
        );
    });

    it('names every fault of its file with its line', () => {
        const text = `id: not-a-uuid
marketZone: Europe/Nowhere
currency: XXP
bucketSize: 1000
engine:
  memroy: 2GB
  threads: 0
store: lake
database:
  schema: "Robert'); drop"
horizon: 2013-02-30
colour: green
`;
        writeFileSync(path.join(root, HOME_FILE), text);
        const faults = faultsOf(root);
        assert.deepEqual(
            faults.map((fault) => fault.split(':')[0]),
            [
                '1 id',
                '2 marketZone',
                '3 currency',
                '4 bucketSize',
                '6 engine.memroy',
                '7 engine.threads',
                '8 store',
                '10 database.schema',
                '11 horizon',
                '12 colour',
            ],
        );
        writeFileSync(path.join(root, HOME_FILE), 'currency: GBP\ncurrency: EUR\n');
        assert.throws(() => readHome(root), { code: 'yaml.invalid' });
    });
});
