import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';

/** A certificate of `localhost` that nobody but its own file vouches for; PEM. */
export interface OwnCertificate {
    readonly key: Buffer;
    readonly certificate: Buffer;
    readonly certificateFile: string;
}

/** Why certificates cannot be made here, or false. */
export const CERTIFICATE_SKIP: string | false =
    spawnSync('openssl', ['version']).status === 0
        ? false
        : 'openssl, which makes a certificate for the gateway, is not on this machine';

/** Makes one, with its files in `folder`, which must be there. */
export function makeCertificate(folder: string): OwnCertificate {
    const [keyFile, certificateFile] = [path.join(folder, 'key.pem'), path.join(folder, 'cert.pem')];
    const made = spawnSync('openssl', [
        ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost'],
        ...['-addext', 'subjectAltName=DNS:localhost', '-keyout', keyFile, '-out', certificateFile],
    ]);
    assert.equal(made.status, 0, String(made.stderr));
    return { key: readFileSync(keyFile), certificate: readFileSync(certificateFile), certificateFile };
}
