import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { openWorkspace } from '../../src/cli/workspace.ts';
import { refuseClockSkew } from '../../src/store/clock-skew.ts';
import { openDatabase } from '../../src/store/database.ts';
import { leaseServer } from '../../src/store/embedded-postgres.ts';
import { initHome } from '../../src/store/home.ts';
import { makeScratchFolder, removeScratchFolder } from './scratch-home.ts';

describe('a home that machines share', () => {
    const home = makeScratchFolder();
    after(() => removeScratchFolder(home));
    const machineFile = path.join(home, 'database', 'machine');

    it('is refused while its embedded database runs on another machine, and free once that has ended', async () => {
        const lease = await leaseServer(home);
        assert.equal(readFileSync(machineFile, 'utf8').trim(), os.hostname());
        writeFileSync(machineFile, 'meter-room-7\n');
        await assert.rejects(leaseServer(home), {
            code: 'database.other-machine',
            message: `the embedded database of this home runs on the machine meter-room-7, and this is ${os.hostname()}`,
            remedy: /set database\.url in gridtally\.yaml .* remove .*machine\.$/,
        });
        await lease.release();
        const next = await leaseServer(home);
        await next.release();
        assert.equal(readFileSync(machineFile, 'utf8').trim(), os.hostname());
    });

    it('frees what a machine held that is cut off, and lets a quiet connection last', async () => {
        const db = await openDatabase({ home, schema: 'gridtally' });
        try {
            const settings = await db.query<{ name: string; setting: string }>(
                `select name, setting from pg_settings
                  where name like 'tcp_keepalives%' or name like '%timeout' and setting <> '0' order by name`,
            );
            const found = Object.fromEntries(settings.map((s) => [s.name, Number(s.setting)]));
            const { tcp_keepalives_idle: idle = 0, tcp_keepalives_interval: each = 0 } = found;
            assert.ok(idle + each * (found.tcp_keepalives_count ?? 0) <= 30, JSON.stringify(found));
            for (const name of ['idle_session_timeout', 'idle_in_transaction_session_timeout'])
                assert.ok(!(name in found), `${name} is off`);
        } finally {
            await db.close();
        }
    });

    it('is refused to a machine whose clock is wrong', async () => {
        const db = await openDatabase({ home, schema: 'gridtally' });
        try {
            await refuseClockSkew(db, () => Date.now() + 50_000);
            await refuseClockSkew(db, () => Date.now() - 50_000);
            await assert.rejects(
                refuseClockSkew(db, () => Date.now() + 3_600_000),
                {
                    code: 'home.clock-skew',
                    message: /^the clock of this machine is (3600|3599) s ahead of that/,
                },
            );
            await assert.rejects(
                refuseClockSkew(db, () => Date.now() - 90_000),
                { code: 'home.clock-skew', message: /^the clock of this machine is (90|89) s behind that/ },
            );
        } finally {
            await db.close();
        }
    });
});

describe('scratch of a home', () => {
    const home = makeScratchFolder();
    after(() => removeScratchFolder(home));

    it('lies where gridtally.yaml says, and each session of the engine spills into a folder of its own', async () => {
        const folder = path.join(home, 'made');
        await initHome(folder);
        const file = path.join(folder, 'gridtally.yaml');
        writeFileSync(file, readFileSync(file, 'utf8').replace('scratch: scratch', 'scratch: ../local disk'));
        const workspace = await openWorkspace(folder);
        try {
            assert.equal(workspace.home.scratchFolder, path.join(home, 'local disk'));
            const sessions = await Promise.all([1, 2].map(() => workspace.lake.engine.openSession()));
            const rows = await Promise.all(
                sessions.map((s) => s.rows(`select current_setting('temp_directory') as folder`)),
            );
            const folders = rows.map(([row]) => String(row?.folder));
            assert.notEqual(folders[0], folders[1]);
            for (const at of folders) assert.equal(path.dirname(at), workspace.home.scratchFolder);
            for (const session of sessions) await session.close();
        } finally {
            await workspace.close();
            await removeScratchFolder(folder);
        }
    });
});
