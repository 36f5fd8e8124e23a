import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { openDatabase } from '../../src/store/database.ts';
import { leaseServer, type ServerLease } from '../../src/store/embedded-postgres.ts';
import { makeScratchFolder, removeScratchFolder, urlOf } from '../store/scratch-home.ts';
import { runCommand } from './run-command.ts';

let folder: string;
let server: ServerLease;
let url: string;

before(async () => {
    folder = makeScratchFolder();
    server = await leaseServer(folder);
    url = urlOf(server.address);
});

after(async () => {
    await server.release();
    await removeScratchFolder(folder);
});

const init = (home: string, ...args: string[]) => runCommand(undefined, 'init', '--home', home, ...args);

test('an init whose database cannot be used leaves nothing, and may be run again', async () => {
    const home = path.join(folder, 'refused', 'home');
    for (const [address, code] of [
        ['postgres://nobody:x@127.0.0.1:1/none', 'database.unreachable'],
        [url.replace(/:[^:@]*@/, ':wrong@'), 'database.unreachable'],
    ] as const) {
        const { code: status, said } = await init(home, '--database-url', address);
        assert.equal(status, 1);
        assert.ok(said.includes(code), said);
        assert.ok(!existsSync(home));
    }
    const made = await init(home, '--database-url', url, '--database-schema', 'first_home');
    assert.equal(made.code, 0, made.said);
    assert.deepEqual(readdirSync(path.join(home, 'feeds')), [], 'there is a place for own contracts');
});

test('a schema that belongs to another home is refused, and a folder that was there is left as it was', async () => {
    const home = path.join(folder, 'second home');
    mkdirSync(home);
    const refused = await init(home, '--database-url', url, '--database-schema', 'first_home');
    assert.match(refused.said, /database\.other-home/);
    assert.deepEqual(readdirSync(home), []);
    assert.equal((await init(home, '--database-url', url, '--database-schema', 'second_home')).code, 0);
});

test('a schema of another home is refused before any migration is applied to it', async () => {
    const db = await openDatabase({ url, schema: 'first_home', home: folder });
    try {
        const newest = await db.query<{ version: number }>(
            `delete from schema_migrations where version = (select max(version) from schema_migrations) returning version`,
        );
        const { said } = await init(
            path.join(folder, 'third'),
            '--database-url',
            url,
            '--database-schema',
            'first_home',
        );
        assert.match(said, /database\.other-home/);
        const applied = await db.query<{ version: number }>('select version from schema_migrations');
        assert.equal(applied.length + 1, newest[0]?.version);
    } finally {
        await db.close();
    }
});

test('a folder that holds anything is refused and left alone', async () => {
    const home = path.join(folder, 'foreign');
    mkdirSync(home);
    writeFileSync(path.join(home, 'letter.txt'), 'dear reader');
    const { code, said } = await init(home);
    assert.equal(code, 1);
    assert.match(said, /home\.exists/);
    assert.deepEqual(readdirSync(home), ['letter.txt']);
});

test('settings that no home can have are wrong usage, told by the option that gave them, all at once', async () => {
    const home = path.join(folder, 'misspelt');
    const { code, said } = await init(
        home,
        '--zone',
        'Mars/Olympus',
        '--currency',
        'XYZ',
        '--bucket-size',
        '100',
    );
    assert.equal(code, 2);
    for (const option of ['--zone', '--currency', '--bucket-size'])
        assert.ok(said.includes(`  ${option}: must be`), said);
    assert.doesNotMatch(said, /gridtally\.yaml/);
    assert.ok(!existsSync(home));
});
