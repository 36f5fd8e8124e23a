import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { MasterDataKind } from '../../src/registry/master-data-kind.ts';
import { EVERY_FLAW } from '../../src/simulate/flaws.ts';
import { simulateTown } from '../../src/simulate/town.ts';
import { openRegistryWorld, type RegistryWorld } from '../registry/registry-world.ts';

const root = mkdtempSync(join(tmpdir(), 'gridtally-master-'));
let world: RegistryWorld;
before(async () => {
    world = await openRegistryWorld();
});
after(async () => {
    await world.end();
    rmSync(root, { recursive: true, force: true });
});

const FILES: readonly [MasterDataKind, string][] = [
    ['customers', 'customers.csv'],
    ['accounts', 'accounts.csv'],
    ['metering-points', 'metering-points.csv'],
    ['attributes', 'attributes.csv'],
    ['holidays', 'holidays.csv'],
    ['calendars', 'calendars.yaml'],
    ['tariffs', 'tariffs.yaml'],
    ['agreements', 'agreements.csv'],
];

test('the registry loads all master data of a town, the late ones after the others', async () => {
    const folder = join(root, 'town');
    const totals = await simulateTown({
        outFolder: folder,
        seed: 'master',
        homes: 40,
        from: '2013-06-03',
        to: '2013-06-14',
        marketZone: 'Europe/London',
        feed: 'generic-csv',
        flaws: EVERY_FLAW,
    });
    for (const part of ['master', 'master-late']) {
        for (const [kind, name] of FILES) {
            const file = join(folder, part, name);
            if (!existsSync(file)) continue;
            const { added, rows } = await world.load(kind, name, readFileSync(file, 'utf8'));
            assert.equal(added, rows, `${part}/${name}`);
        }
    }
    const [counts] = await world.db.query<Record<string, number>>(
        `select (select count(*)::int from channels) as channels,
             (select count(*)::int from agreement_versions) as agreements,
             (select count(*)::int from metering_points) as points,
             (select count(*)::int from tariff_versions) as "tariffVersions"`,
    );
    const moves = totals.flaws.moved ?? 0;
    assert.ok(moves > 0 && totals.lateHomes > 0);
    assert.deepEqual(counts, {
        channels: totals.channels,
        agreements: totals.homes + moves,
        points: totals.homes,
        tariffVersions: 4,
    });
});
