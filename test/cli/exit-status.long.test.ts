import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { type ChainWorld, openChainWorld, readingsCsv } from '../chain/chain-world.ts';
import { PROGRAM } from '../program.ts';
import { runCommand, runCommandWith } from './run-command.ts';

const FROM = Date.parse('2013-05-01T00:00:00Z');
let world: ChainWorld;

before(async () => {
    world = await openChainWorld({ marketZone: 'UTC' });
});

after(() => world.end());

const run = (...args: string[]) => runCommand(world.homeFolder, ...args);
const reading = (n: number) => readingsCsv([{ meter: 'A', at: FROM + n * 1_800_000, kwh: '1.5' }]);

function given(name: string, text: string): string {
    const file = path.join(world.folder, name);
    writeFileSync(file, text);
    return file;
}

test('an ingest of a file that is refused exits with 1, also when it comes again, and says what to do', async () => {
    const files = [given('good.csv', reading(1)), given('bad.csv', 'a,b\n1,2\n')];
    const first = await run('ingest', ...files, '--feed', 'generic-csv');
    assert.equal(first.code, 1);
    assert.match(first.out, /^1 file refused:\n {2}bad\.csv:1 a: file\.column-unknown: /m);
    assert.match(first.out, /^next: gridtally feed check FILE --feed generic-csv/m);
    assert.match(first.out, /parsed 2 payloads: 1 row = 1 accepted/);
    const again = await run('ingest', ...files, '--feed', 'generic-csv', '--json');
    assert.equal(again.code, 1);
    const { refusedBefore, received } = JSON.parse(again.out);
    assert.equal(received.repeats, 2);
    assert.deepEqual(
        refusedBefore.map((r: { sourceKey: string; ruleId: string }) => [r.sourceKey, r.ruleId]),
        [['bad.csv', 'file.column-unknown']],
    );
});

test('quarantined rows are told and exit with 0, or with 1 where that was asked for', async () => {
    const rows = (n: number) => `${reading(n)}A,1,yesterday,30,1,kWh,A,1\n`;
    const told = await run('ingest', given('rows.csv', rows(2)), '--feed', 'generic-csv');
    assert.equal(told.code, 0, told.said);
    assert.match(told.out, /1 accepted \+ 1 quarantined/);
    const query = /^next: gridtally sql "(.*)"$/m.exec(told.out)?.[1] ?? '';
    const shown = await run('sql', query, '--json');
    assert.equal(JSON.parse(shown.out)[0]?.rule_ids, 'row.stamp-format');
    const strict = await run('ingest', given('strict.csv', rows(3)), '--feed', 'generic-csv', '--strict');
    assert.equal(strict.code, 1);
    assert.equal(
        (await run('ingest', given('fine.csv', reading(4)), '--feed', 'generic-csv', '--strict')).code,
        0,
    );
});

test('an argument that cannot be is wrong usage as an option is, and is told', async () => {
    for (const [args, message] of [
        [['trace', 'day', 'A', '2013-02-30'], /DATE cannot be "2013-02-30"\nWrite a date that exists/],
        [
            ['trace', 'hour', 'A', '2013-05-01T10:20'],
            /INSTANT cannot be "2013-05-01T10:20"\nWrite an instant/,
        ],
        [['trace', 'reading', 'A', 'noon'], /INSTANT cannot be "noon"/],
        [['trace', 'bill', 'B-1', '2x'], /LINE cannot be "2x"\nA whole number is expected/],
        [['edit', 'withdraw', 'x', '--by', 'ada', '--reason', 'r'], /NO cannot be "x"/],
        [['register-read', 'withdraw', 'x', '--by', 'ada', '--reason', 'r'], /NO cannot be "x"/],
        [
            ['history', 'A', '01.05.2013', '2013-05-02'],
            /not a UTC instant nor a local day: "01\.05\.2013"\nWrite an instant as YYYY-MM-DDThh:mm:ssZ, or a day/,
        ],
        [['edit', 'A', '2013-05-32', '--kwh', '1'], /not a UTC instant nor a local day: "2013-05-32"/],
    ] as const) {
        const { code, said } = await run(...args);
        assert.equal(code, 2, args.join(' '));
        assert.match(said, message);
    }
});

test('an option that cannot be is wrong usage: it exits with 2, and says which option and what it takes', async () => {
    const out = path.join(world.folder, 'town');
    for (const [args, message] of [
        [
            ['bill', '--period', '2013-13'],
            /--period .*'2013-13' is invalid. Write a month as YYYY-MM, the second part from 01 to 12/,
        ],
        [['bill', 'list', '--period', 'May'], /--period .*'May' is invalid. Write a month as YYYY-MM/],
        [['sql', 'select 1', '--as-of', 'now'], /--as-of .*'now' is invalid/],
        [['simulate', '--out', out, '--zone', 'Mars'], /--zone .*'Mars' is invalid. Name a zone of the IANA/],
        [['simulate', '--out', out, '--from', '2013-02-30'], /--from .*'2013-02-30' is invalid/],
        [
            ['simulate', '--out', out, '--minutes', '7'],
            /--minutes .*'7' is invalid. Allowed choices are 5, 15/,
        ],
        [
            ['simulate', '--out', out, '--flaws', 'lat=0.1'],
            /--flaws .*There is no flaw lat\. Flaws are corrected, .*late/,
        ],
        [
            ['simulate', '--out', out, '--flaws', 'late=often'],
            /--flaws .*late needs a rate, such as late=0\.01/,
        ],
    ] as const) {
        const { code, said } = await run(...args);
        assert.equal(code, 2, args.join(' '));
        assert.match(said, message);
    }
    assert.ok(!existsSync(out));
});

test('a full disk is told as one, and the command goes through once there is room', async () => {
    const file = given('full.csv', reading(5));
    const ingest = ['ingest', file, '--feed', 'generic-csv', '--json', '--home', world.homeFolder];
    const full = await runCommandWith({ GRIDTALLY_DISK_FULL: '40' }, ...ingest);
    assert.equal(full.code, 1);
    const { error } = JSON.parse(full.out);
    assert.equal(error.code, 'home.disk-full');
    assert.match(error.message, /no space left on device, write '.*segment.*'/);
    assert.match(full.said, /Make room on the disk/);
    const later = await runCommandWith({}, ...ingest);
    assert.deepEqual(JSON.parse(later.out).received, { payloads: 1, repeats: 0 });
});

test('a limit of the size of files that the engine meets is told as a full disk', async () => {
    const file = given('limited.csv', reading(6));
    const ingest = ['ingest', file, '--feed', 'generic-csv', '--json', '--home', world.homeFolder];
    const args = ['-c', 'ulimit -f 2 && exec "$@"', 'sh', process.execPath, PROGRAM, ...ingest];
    const { status, stdout } = spawnSync('/bin/sh', args, { encoding: 'utf8' });
    assert.equal(status, 1);
    assert.equal(JSON.parse(stdout).error.code, 'home.disk-full', stdout);
});
