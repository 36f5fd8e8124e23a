import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createSecureServer, type IncomingHttpHeaders } from 'node:http2';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { SparkSession } from '../../src/engine/spark-connect/session.ts';
import { SparkError } from '../../src/engine/spark-connect/spark-error.ts';
import { CERTIFICATE_SKIP, makeCertificate } from './own-certificate.ts';

const skip = CERTIFICATE_SKIP;
const PATIENCE = { connectMs: 500, reconnectMs: 500 };

/** A gateway with TLS that turns everybody away, and keeps what it was asked with. */
async function startGateway(): Promise<{
    port: number;
    ca: Buffer;
    seen: IncomingHttpHeaders[];
    end(): Promise<void>;
}> {
    const folder = mkdtempSync(path.join(tmpdir(), 'gridtally-gateway-'));
    const { key, certificate } = makeCertificate(folder);
    const seen: IncomingHttpHeaders[] = [];
    const server = createSecureServer({ key, cert: certificate });
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
        ca: certificate,
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
