// test limit: 240 s
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { compare, decimal, sumDecimals } from '../../src/kernel/decimal.ts';
import { makeScratchFolder, removeScratchFolder } from '../store/scratch-home.ts';
import { type CommandEnd, runCommand } from './run-command.ts';

let folder: string;
let town: string;
let first: CommandEnd;

before(async () => {
    folder = makeScratchFolder();
    town = path.join(folder, 'town');
    // 12 homes of this seed have some that feed in
    first = await runCommand(undefined, 'demo', '--home', town, '--homes', '12', '--exit');
    assert.equal(first.code, 0, first.said);
});

after(async () => {
    await removeScratchFolder(path.join(town, 'home'));
    await removeScratchFolder(folder);
});

/** A count as the summary writes it; NaN where it was not found. */
const numberOf = (text: string | undefined) => Number(text?.replaceAll(',', ''));

test('the summary counts every row, and its sums are counted apart and add up', () => {
    assert.match(first.said, /a town of 12 homes with \d+ channels/);
    assert.doesNotMatch(first.out, /IS NOT/);
    const of = (label: string) => numberOf(new RegExp(`^ *${label} +([\\d,]+)`, 'm').exec(first.out)?.[1]);
    assert.ok(of('rows received') > 10_000);
    assert.equal(
        of('rows received'),
        of('accepted as versions') + of('quarantined') + of('waiting for master data'),
    );
});

test('the summary tells what was refused by its rule, coverage, the largest bills and one in full, where all is, and what to do next', async () => {
    const quarantined = [...first.out.matchAll(/^ {4}row\.[a-z-]+ +([\d,]+)$/gm)].map(([, n]) => numberOf(n));
    const [, total] = /^ {2}quarantined +([\d,]+)/m.exec(first.out) ?? [];
    assert.ok(quarantined.length > 1);
    assert.equal(
        quarantined.reduce((sum, n) => sum + n, 0),
        numberOf(total),
    );
    const [, expected, coverage] =
        /^intervals expected +([\d,]+) {2}coverage (\d+\.\d{3}) %$/m.exec(first.out) ?? [];
    const intervals = (label: string) =>
        numberOf(new RegExp(`^ {2}${label} +([\\d,]+)$`, 'm').exec(first.out)?.[1]);
    const covered = numberOf(expected) - intervals('missing');
    assert.equal(coverage, ((covered / numberOf(expected)) * 100).toFixed(3));
    const [, list = ''] = /^Ten largest bills of \d{4}-\d{2}\n([\s\S]*?)\n\n/m.exec(first.out) ?? [];
    const dues = [...list.matchAll(/(\d+\.\d{2}) +GBP/g)].map(([, due]) => Number(due));
    assert.equal(dues.length, 10);
    assert.deepEqual(
        dues,
        dues.toSorted((a, b) => b - a),
    );
    const [, billId = ''] = /npx gridtally bill show (\S+) --home/.exec(first.out) ?? [];
    const bill = await runCommand(path.join(town, 'home'), 'bill', 'show', billId);
    assert.ok(bill.out.length > 200 && first.out.includes(bill.out.trim()), bill.out);
    const [, folderTold] = /Everything lies in (.*):$/m.exec(first.out) ?? [];
    assert.equal(folderTold, town);
});

test('energy by region has both directions, and is what the status counts', async () => {
    const status = await runCommand(path.join(town, 'home'), 'status', '--json');
    const { kwh } = JSON.parse(status.out) as { kwh: string };
    assert.ok(first.out.includes(`both directions: ${kwh} kWh, as gridtally status counts`), first.out);
    const total = /^total +([\d.]+) +([\d.]+)$/m.exec(first.out);
    assert.ok(Number(total?.[1]) > 0 && Number(total?.[2]) > 0, first.out);
});

test('a list of bills ends with their sums, and an export in JSON is one document of the same bills', async () => {
    const home = path.join(town, 'home');
    const listed = await runCommand(home, 'bill', 'list', '--period', '2024-02');
    const json = await runCommand(home, 'bill', 'list', '--period', '2024-02', '--json');
    const bills = JSON.parse(json.out) as { billId: string; amountDue: string; energyKwh: string }[];
    assert.ok(bills.length > 1);
    const [, number, kwh, due] = /^(\d+) bills .* (\d+\.\d+) +(\d+\.\d+) +GBP$/m.exec(listed.out) ?? [];
    assert.equal(Number(number), bills.length);
    const sum = (name: 'amountDue' | 'energyKwh') => sumDecimals(bills.map((bill) => decimal(bill[name])));
    assert.equal(compare(sum('energyKwh'), decimal(kwh ?? '')), 0);
    assert.equal(compare(sum('amountDue'), decimal(due ?? '')), 0);
    const exported = await runCommand(home, 'export', 'bills', '--period', '2024-02', '--json');
    assert.equal(exported.code, 0, exported.said);
    assert.deepEqual(
        JSON.parse(exported.out).map((bill: Record<string, unknown>) => [bill.bill_id, bill.amount_due]),
        bills.map((bill) => [bill.billId, bill.amountDue]),
    );
    const both = await runCommand(home, 'export', 'bills', '--format', 'csv', '--json');
    assert.deepEqual([both.code, JSON.parse(both.out).error.code], [2, 'usage.invalid']);
});

test('a folder that `demo` did not make is refused with all that is in it, --fresh or not', async () => {
    const x = path.join(folder, 'x');
    const files = ['simulated/my-results.txt', 'home/thesis.txt'].map((name) => path.join(x, name));
    for (const file of files) {
        mkdirSync(path.dirname(file), { recursive: true });
        writeFileSync(file, 'mine');
    }
    for (const fresh of [[], ['--fresh']]) {
        const end = await runCommand(undefined, 'demo', '--home', x, '--homes', '1', '--exit', ...fresh);
        assert.equal(end.code, 2, end.said);
        assert.match(
            end.said,
            /^error usage\.invalid: \S.*x was not made by gridtally demo, and is not empty: it holds home, simulated\nName a new or empty folder with --home; nothing was changed in this one\.$/m,
        );
        for (const file of files) assert.equal(readFileSync(file, 'utf8'), 'mine');
    }
});

test('a town of an older version, which does not say whose it is, is known by what only it has', async () => {
    rmSync(path.join(town, 'gridtally-town.json'));
    const again = await runCommand(undefined, 'demo', '--home', town, '--homes', '13', '--exit');
    assert.match(again.said, /the town that is there has 12 homes, not 13/);
    assert.match(readFileSync(path.join(town, 'gridtally-town.json'), 'utf8'), /"madeBy": "gridtally demo"/);
});

test('a town goes on with its own number of homes, and another is refused', async () => {
    const other = await runCommand(undefined, 'demo', '--home', town, '--homes', '13', '--exit');
    assert.equal(other.code, 2);
    assert.match(other.said, /the town that is there has 12 homes, not 13\n.*--fresh/);
    const again = await runCommand(undefined, 'demo', '--home', town, '--exit', '--json');
    assert.equal(again.code, 0, again.said);
    assert.ok(again.said.includes(`continuing with the town in ${town} (--fresh starts anew)\n`), again.said);
    assert.match(again.said, /^ingest +\d+ files \((\d+) received before\), 0 rows parsed/m);
    const { energyByRegion, status, truth } = JSON.parse(again.out);
    assert.equal(status.rowsReceived, status.versions + status.rowsQuarantined + status.rowsWaiting);
    const channels = energyByRegion.reduce(
        (sum: number, region: { channels: number }) => sum + region.channels,
        0,
    );
    assert.equal(channels, truth.channels);
});
