'use strict';
/**
 * Starts the command line from its bundle. The launcher puts this file beside `bundle.cjs`, as `main.cjs`.
 *
 * What V8 made of the functions that ran is kept there too, and given to later starts: Node's own cache (NODE_COMPILE_CACHE) holds what was
 * compiled when a file was loaded, which is not what runs. A start of a small command takes a fifth less processor time with it.
 */
const { isAscii } = require('node:buffer');
const fs = require('node:fs');
const { createRequire } = require('node:module');
const path = require('node:path');
const vm = require('node:vm');
const zlib = require('node:zlib');

/** V8 forgets functions that have not run for long: a process that has worked longer has lost those of its start. */
const KEPT_MS_MAX = 5000;
const CHECKSUM_BYTES = 4;

const bundle = path.join(__dirname, 'bundle.cjs');
const codeFile = path.join(__dirname, `code-${process.versions.v8}-${process.arch}`);

const bytes = fs.readFileSync(bundle);
// most often: esbuild escapes all but regular expressions and raw templates; then it needs no decoding
const text = bytes.toString(isAscii(bytes) ? 'latin1' : 'utf8');
const cachedData = keptCode();
const script = new vm.Script(`(function (exports, require, module, __filename, __dirname) {${text}\n})`, {
    filename: bundle,
    cachedData,
});
if (cachedData === undefined || script.cachedDataRejected) process.on('exit', keepCode);
const bundled = { exports: {} };
script.runInThisContext()(bundled.exports, createRequire(bundle), bundled, bundle, __dirname);

/** Undefined where there is none, or not the bytes that were written: V8 takes what it is given. */
function keptCode() {
    try {
        const file = fs.readFileSync(codeFile);
        const code = file.subarray(CHECKSUM_BYTES);
        return file.readUInt32LE(0) === zlib.crc32(code) ? code : undefined;
    } catch {
        return undefined;
    }
}

/** An account that may not write here goes on without. */
function keepCode() {
    if (performance.now() > KEPT_MS_MAX) return;
    const draft = `${codeFile}.${process.pid}`;
    try {
        const code = script.createCachedData();
        const checksum = Buffer.alloc(CHECKSUM_BYTES);
        checksum.writeUInt32LE(zlib.crc32(code));
        fs.writeFileSync(draft, Buffer.concat([checksum, code]), { flag: 'wx' });
        fs.renameSync(draft, codeFile);
    } catch {
        fs.rmSync(draft, { force: true });
    }
}
