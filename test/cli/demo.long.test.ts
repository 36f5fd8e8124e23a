// test limit: 240 s
import assert from 'node:assert/strict';
import {
    cpSync,
    existsSync,
    mkdirSync,
    readdirSync,
    readFileSync,
    renameSync,
    rmSync,
    statSync,
    writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { isUnfinishedName } from '../../src/kernel/durable.ts';
import { makeScratchFolder, removeScratchFolder } from '../store/scratch-home.ts';
import { runCommand, runCommandWith } from './run-command.ts';

let folder: string;
let town: string;

before(() => {
    folder = makeScratchFolder();
    town = path.join(folder, 'town');
});

after(async () => {
    await removeScratchFolder(path.join(town, 'home'));
    await removeScratchFolder(folder);
});

test('a folder says whose it is before anything else is in it, wherever a first demo is cut off', async () => {
    const names = () => (existsSync(town) ? readdirSync(town).filter((name) => !isUnfinishedName(name)) : []);
    let pass = 1;
    for (; !names().includes('simulated'); pass += 1) {
        const env = { GRIDTALLY_CRASH: `file:${pass}`, GRIDTALLY_FORGET_UNSYNCED: '1' };
        const end = await runCommandWith(env, 'demo', '--home', town, '--homes', '1', '--exit');
        assert.equal(end.code, -1, end.said);
    }
    assert.ok(pass > 3, `${pass}`);
    assert.ok(names().includes('gridtally-town.json'));
});

test('--fresh makes the town with its embedded database anew, and leaves what lies beside them', async () => {
    const demo = (...args: string[]) => runCommand(undefined, 'demo', '--home', town, '--exit', ...args);
    const first = await demo('--homes', '1');
    assert.equal(first.code, 0, first.said);
    const home = path.join(town, 'home');
    const idOf = () => /^id: (.*)$/m.exec(readFileSync(path.join(home, 'gridtally.yaml'), 'utf8'))?.[1];
    const [id, cluster] = [idOf(), statSync(path.join(home, 'database')).ino];
    writeFileSync(path.join(town, 'notes.txt'), 'mine');
    writeFileSync(path.join(town, 'simulated', 'more.txt'), '');
    mkdirSync(path.join(home, 'more'));
    const fresh = await demo('--homes', '2', '--fresh');
    assert.equal(fresh.code, 0, fresh.said);
    assert.doesNotMatch(fresh.said, /continuing/);
    assert.match(fresh.said, /a town of 2 homes/);
    assert.match(fresh.said, /^ingest +\d+ files \(0 received before\)/m);
    assert.notEqual(idOf(), id);
    assert.notEqual(statSync(path.join(home, 'database')).ino, cluster);
    assert.ok(!existsSync(path.join(home, 'more')) && !existsSync(path.join(town, 'simulated', 'more.txt')));
    assert.equal(readFileSync(path.join(town, 'notes.txt'), 'utf8'), 'mine');
});

test('what looks like a town is none with something among it, with the home of somebody, or where another says whose it is', async () => {
    const x = path.join(folder, 'x');
    cpSync(path.join(town, 'simulated'), path.join(x, 'simulated'), { recursive: true });
    const mine = path.join(x, 'home', 'thesis.txt');
    mkdirSync(path.dirname(mine));
    writeFileSync(mine, 'mine');
    const refused = async (said: RegExp) => {
        const end = await runCommand(undefined, 'demo', '--home', x, '--fresh', '--exit');
        assert.equal(end.code, 2, end.said);
        assert.match(end.said, said);
        assert.equal(readFileSync(mine, 'utf8'), 'mine');
    };
    const foreign = /x was not made by gridtally demo, and is not empty: it holds home, simulated\n/;
    await refused(foreign);
    writeFileSync(path.join(x, 'home', 'gridtally.yaml'), 'id: mine\n');
    await refused(foreign);
    const contract = path.join(x, 'home', 'feeds', 'town.odcs.yaml');
    mkdirSync(path.dirname(contract));
    writeFileSync(contract, '');
    const result = path.join(x, 'simulated', 'my-results.txt');
    writeFileSync(result, 'mine');
    await refused(foreign);
    rmSync(result);
    const totals = path.join(x, 'simulated', 'truth', 'totals.json');
    renameSync(totals, `${totals}.old`);
    await refused(foreign);
    renameSync(`${totals}.old`, totals);
    const list = path.join(x, 'simulated', 'deliveries.ndjson');
    writeFileSync(list, readFileSync(list, 'utf8').replaceAll('"feed":"town"', '"feed":"generic-csv"'));
    await refused(foreign);
    writeFileSync(path.join(x, 'gridtally-town.json'), '{"madeBy":"somebody"}');
    await refused(/gridtally-town\.json does not say that gridtally demo made its folder\nName a new folder/);
});
