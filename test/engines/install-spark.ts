/**
 * Fills the cache folder with what the tests of `test/engines` need: Spark from the Python package index, which has its server in it,
 * and the generator of its protocol from npm. What is there is left as it is.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { GENERATOR, GENERATOR_FOLDER, missingForSpark, SPARK_CACHE, SPARK_PACKAGES } from './spark-cache.ts';

/** Tells why it cannot, where that is so: then the tests skip, and say the same. */
export function installSpark(): string | undefined {
    const missing = missingForSpark();
    if (missing?.isInstallable !== true) return missing?.what;
    const fresh = `${SPARK_CACHE}.${process.pid}`;
    mkdirSync(path.dirname(SPARK_CACHE), { recursive: true });
    rmSync(fresh, { recursive: true, force: true });
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps', '--target'];
    const python = spawnSync('python3', [...pip, path.join(fresh, 'py'), ...SPARK_PACKAGES], {
        stdio: ['ignore', 2, 2],
    });
    if (python.status !== 0) return `pip could not install ${SPARK_PACKAGES.join(' and ')}`;
    const npm = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error', '--no-save'];
    const node = spawnSync('npm', [...npm, '--prefix', path.join(fresh, 'generator'), ...GENERATOR], {
        stdio: ['ignore', 2, 2],
    });
    if (node.status !== 0) return `npm could not install ${GENERATOR.join(' and ')}`;
    // whole or not at all, so that an installation that was cut off is not taken for one
    rmSync(SPARK_CACHE, { recursive: true, force: true });
    renameSync(fresh, SPARK_CACHE);
    return existsSync(GENERATOR_FOLDER)
        ? undefined
        : `${GENERATOR.join(' and ')} is not where it is expected`;
}
