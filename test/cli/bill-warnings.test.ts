import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { unratedLines } from '../../src/cli/bill-commands.ts';
import { knownFeed } from '../../src/ingest/delivering-feeds.ts';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { receive } from '../../src/raw/receive.ts';
import { type ChainWorld, flatTariffs, openChainWorld, readingsCsv } from '../chain/chain-world.ts';
import { PROGRAM } from '../program.ts';
import { runCommand } from './run-command.ts';

const TARIFFS = flatTariffs({}, { id: 'late', from: '2024-02-10' });
let world: ChainWorld;

before(async () => {
    world = await openChainWorld({ marketZone: 'UTC' });
});
after(() => world.end());

/** A reading for each half-hour of these days. */
function file(kwh: string, ...days: string[]): string {
    const rows = days.flatMap((day) =>
        Array.from({ length: 48 }, (_, i) => ({ meter: 'M1', at: Date.parse(day) + i * 1_800_000, kwh })),
    );
    return readingsCsv(rows);
}

async function draft(month: string): Promise<{ warnings: string[]; document: Record<string, unknown> }> {
    const { code, out, said } = await runCommand(world.homeFolder, 'bill', '--period', month, '--json');
    assert.equal(code, 0, said);
    return {
        warnings: said.split('\n').filter((line) => line.startsWith('warning')),
        document: JSON.parse(out),
    };
}

test('bills that are drafted before a refresh are warned of, by month', async () => {
    await world.ingest('generic-csv', { 'a.csv': file('1', '2024-01-31', '2024-02-01', '2024-02-02') });
    const early = await draft('2024-02');
    assert.equal(early.document.stalePartitions, 2);
    assert.match(early.warnings.join(), /2 partitions of 2024-02 await a refresh.*gridtally refresh/);
    await refreshAll(world.workspace);
    const fresh = await draft('2024-02');
    assert.deepEqual([fresh.document.stalePartitions, fresh.warnings], [0, []]);
    await world.ingest('generic-csv', { 'b.csv': file('2', '2024-02-02') });
    assert.match((await draft('2024-02')).warnings.join(), /1 partition of 2024-02 awaits a refresh/);
    assert.deepEqual((await draft('2024-01')).warnings, []);
});

test('a month beyond all readings is warned of', async () => {
    const { document, warnings } = await draft('2031-01');
    assert.equal(document.newestMarketDay, '2024-02-02');
    assert.deepEqual(warnings, ['warning: no reading reaches into 2031-01: the newest is of 2024-02-02']);
});

test('what is received and not parsed is told by whoever has nothing of it, until it is parsed', async () => {
    const { workspace, folder, homeFolder } = world;
    const feed = await knownFeed(workspace.db, homeFolder, 'generic-csv', workspace.lake.clock);
    const late = path.join(folder, 'late.csv');
    writeFileSync(late, file('3', '2024-02-03'));
    const source = { feedId: feed.feedId, name: 'generic-csv', repeatWindowDays: 35 } as const;
    for await (const receipt of receive(workspace.raw, source, [{ sourceKey: 'late.csv', path: late }]))
        assert.equal(receipt.isRepeat, false);
    const run = (...args: string[]) => runCommand(homeFolder, ...args);
    const warning = /^warning: 1 payload of feed generic-csv is received and not parsed, .*gridtally work/m;
    for (const args of [['refresh', '--plan'], ['refresh'], ['bill', '--period', '2024-02']]) {
        const { said, out } = await run(...args, '--json');
        assert.match(said, warning, args.join(' '));
        assert.deepEqual(JSON.parse(out).unparsed, [{ feed: 'generic-csv', payloads: 1 }]);
    }
    // as another process that parses it holds it
    await workspace.db.transaction(async (tx) => {
        await tx.query('select from segments where parsed_at is null for update');
        const other = path.join(folder, 'other.csv');
        writeFileSync(other, file('3', '2024-02-04'));
        const { said, out } = await run('ingest', other, '--feed', 'generic-csv', '--json');
        assert.match(said, warning);
        assert.equal(JSON.parse(out).parsed.payloads, 1);
    });
    assert.equal((await run('work')).code, 0);
    for (const args of [['refresh'], ['bill', '--period', '2024-02']])
        assert.doesNotMatch((await run(...args)).said, /not parsed/);
});

test('accounts that cannot be rated are listed by fault, the others are billed, and the exit status is 1', async () => {
    const numbers = [1, 2, 3, 4, 5, 6, 7, 8];
    const csv = (head: string, row: (n: number) => string) => `${[head, ...numbers.map(row)].join('\n')}\n`;
    await world.load(
        'customers',
        'c.csv',
        csv('customer_id,name', (n) => `C${n},Ada`),
    );
    await world.load(
        'accounts',
        'a.csv',
        csv('account_id,customer_id', (n) => `A${n},C${n}`),
    );
    await world.load(
        'metering-points',
        'p.csv',
        csv('metering_point_id,meter_id,interval_minutes,valid_from', (n) => `P${n},N${n},30,2024-01-01`),
    );
    await world.load('tariffs', 'tariffs.yaml', TARIFFS);
    await world.load(
        'agreements',
        'g.csv',
        csv(
            'agreement_id,account_id,metering_point_id,tariff_id,move_in,move_out',
            (n) => `G${n},A${n},P${n},${n <= 2 ? 'flat' : 'late'},2024-01-01,`,
        ),
    );
    await refreshAll(world.workspace);
    const told = await runCommand(world.homeFolder, 'bill', '--period', '2024-02');
    assert.equal(told.code, 1);
    assert.match(told.out, /^2024-02: 2 bills drafted/);
    assert.match(told.said, /error: 6 accounts have no bill/);
    assert.match(
        told.said,
        /tariff late has no version from 2024-02-01 until 2024-02-10 \(accounts A3, A4, A5, A6, A7 and 1 more\)/,
    );
    const json = await runCommand(world.homeFolder, 'bill', '--period', '2024-02', '--json');
    assert.equal(json.code, 1);
    const { unchanged, unrated } = JSON.parse(json.out);
    assert.deepEqual(
        [unchanged, unrated.map((one: { accountId: string }) => one.accountId)],
        [2, ['A3', 'A4', 'A5', 'A6', 'A7', 'A8']],
    );
});

test('a list or an export of bills tells of accounts with an agreement and no bill, and so does a bill that is missing', async () => {
    const run = (...args: string[]) => runCommand(world.homeFolder, ...args);
    const warning =
        'warning: 6 accounts with an agreement in 2024-02 have no bill of it (A3, A4, A5, A6, A7 and 1 more): `gridtally bill --period 2024-02` drafts it, or says why it cannot\n';
    for (const args of [
        ['bill', 'list'],
        ['bill', 'list', '--json', '--period', '2024-02'],
        ['export', 'bills'],
    ])
        assert.deepEqual(
            await run(...args).then(({ code, said }) => [code, said]),
            [0, warning],
            args.join(' '),
        );
    assert.equal(JSON.parse((await run('bill', 'list', '--json')).out).length, 2);
    const written = await run('export', 'bills', '--out', path.join(world.homeFolder, 'exported'), '--json');
    assert.equal(written.said, warning);
    assert.deepEqual(JSON.parse(written.out).withoutBill, [
        { month: '2024-02', accounts: 6, firstAccountIds: ['A3', 'A4', 'A5', 'A6', 'A7'] },
    ]);
    assert.match(
        (await run('bill', 'list', '--period', '2024-01')).said,
        /8 accounts with an agreement in 2024-01 have/,
    );
    assert.equal((await run('bill', 'list', '--period', '2023-12')).said, '');
    assert.match(
        (await run('bill', 'show', 'B-A3-2024-02-1')).said,
        /there is no bill "B-A3-2024-02-1"; 1 account with an agreement in 2024-02 has no bill of it \(A3\)/,
    );
    for (const id of ['B-A9-2024-02-1', 'B-A1-2024-02-2', 'B-A3-2023-02-1', 'nothing'])
        assert.match((await run('bill', 'show', id)).said, /there is no bill "[^;]*\n/, id);
});

test('who has read enough of an export ends it without an error', async () => {
    const { homeFolder } = world;
    // with all accounts billed, an export has nothing to warn of
    await world.load('tariffs', 'tariffs.yaml', flatTariffs({}, { id: 'late', from: '2024-01-01' }));
    assert.match((await runCommand(homeFolder, 'bill', '--period', '2024-02')).out, /6 bills drafted/);
    const command = `"${process.execPath}" "${PROGRAM}" export bills --home "${homeFolder}"`;
    const cut = spawnSync('sh', ['-c', `${command} | true`], { encoding: 'utf8' });
    assert.equal(cut.stderr, '');
    const whole = spawnSync('sh', ['-c', `${command} | cat`], { encoding: 'utf8' });
    assert.match(whole.stdout, /^bill_id,.*\n(B-.*\n){8}$/);
});

test('a fault of many accounts is told once, with some of them', () => {
    const accounts = ['A1', 'A2', 'A3', 'A4', 'A5', 'A6', 'A7'];
    const lines = unratedLines(accounts.map((accountId) => ({ accountId, faults: ['no price'] })));
    assert.equal(lines[1], '  no price (accounts A1, A2, A3, A4, A5 and 2 more)');
    const many = accounts.map((accountId) => ({
        accountId,
        faults: Array.from({ length: 10 }, (_, i) => `${accountId} lacks ${i}`),
    }));
    assert.equal(unratedLines(many).length, 53);
    assert.equal(unratedLines(many)[51], '  and 20 other faults');
    assert.deepEqual(unratedLines([]), []);
});
