import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createSecureServer, type IncomingHttpHeaders } from 'node:http2';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { SparkSession } from '../../src/engine/spark-connect/session.ts';
import { SparkError } from '../../src/engine/spark-connect/spark-error.ts';

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
const skip = hasOpenssl
    ? false
    : 'openssl, which makes a certificate for the gateway, is not on this machine';
const PATIENCE = { connectMs: 500, reconnectMs: 500 };

/** A gateway with TLS that turns everybody away, and keeps what it was asked with. */
async function startGateway(): Promise<{
    port: number;
    ca: Buffer;
    seen: IncomingHttpHeaders[];
    end(): Promise<void>;
}> {
    const folder = mkdtempSync(path.join(tmpdir(), 'gridtally-gateway-'));
    const [key, cert] = [path.join(folder, 'key.pem'), path.join(folder, 'cert.pem')];
    const made = spawnSync('openssl', [
        ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost'],
        ...['-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', cert],
    ]);
    assert.equal(made.status, 0, String(made.stderr));
    const seen: IncomingHttpHeaders[] = [];
    const ca = readFileSync(cert);
    const server = createSecureServer({ key: readFileSync(key), cert: ca });
    server.on('stream', (stream, headers) => {
        seen.push(headers);
        stream.respond(
            {
                ':status': 200,
                'content-type': 'application/grpc',
                'grpc-status': '7',
                'grpc-message': 'this cluster is not for you',
            },
            { endStream: true },
        );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    return {
        port: typeof address === 'object' && address !== null ? address.port : 0,
        ca,
        seen,
        end: async () => {
            await new Promise((resolve) => server.close(resolve));
            rmSync(folder, { recursive: true });
        },
    };
}

test('a gateway is spoken to over TLS, with the token and the cluster in each call', { skip }, async () => {
    const gateway = await startGateway();
    try {
        const address = `sc://localhost:${gateway.port}/;token=dapi%20secret;use_ssl=true;x-databricks-cluster-id=0527-1;user_agent=meters`;
        const refused = await SparkSession.connect(address, {
            patience: PATIENCE,
            rootCertificates: gateway.ca,
        }).catch((error: unknown) => error);
        assert.ok(refused instanceof SparkError);
        assert.deepEqual(
            [refused.status, refused.message],
            ['PERMISSION_DENIED', 'this cluster is not for you'],
        );
        const [headers] = gateway.seen;
        assert.equal(gateway.seen.length, 1, 'a refusal is not asked for again');
        assert.equal(headers?.authorization, 'Bearer dapi secret');
        assert.equal(headers?.['x-databricks-cluster-id'], '0527-1');
        assert.equal(headers?.[':path'], '/spark.connect.SparkConnectService/AnalyzePlan');
        assert.match(String(headers?.['user-agent']), /^meters /);
    } finally {
        await gateway.end();
    }
});

test('a certificate that nobody vouches for gets no token', { skip }, async () => {
    const gateway = await startGateway();
    try {
        const refused = await SparkSession.connect(`sc://localhost:${gateway.port}/;token=a;use_ssl=true`, {
            patience: PATIENCE,
        }).catch((error: unknown) => error);
        assert.ok(refused instanceof SparkError);
        assert.equal(refused.status, 'UNAVAILABLE');
        assert.match(refused.message, /self-signed certificate/);
        assert.deepEqual(gateway.seen, []);
    } finally {
        await gateway.end();
    }
});
