import { connect, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { OwnCertificate } from '../spark-connect/own-certificate.ts';

/** Stands between a client and a server, and cuts all their connections when told. */
export interface CuttingProxy {
    readonly port: number;
    /** Connections that were open and are now cut, on both sides. */
    cut(): number;
    end(): Promise<void>;
}

/** @param tls with these, speaks TLS to the client and plain to the server, as a gateway does */
export async function startCuttingProxy(toPort: number, tls?: OwnCertificate): Promise<CuttingProxy> {
    const open = new Set<Socket>();
    const join = (client: Socket) => {
        const server = connect(toPort, '127.0.0.1');
        const drop = () => {
            client.destroy();
            server.destroy();
            open.delete(client);
        };
        open.add(client);
        for (const socket of [client, server]) socket.on('error', drop).on('close', drop);
        client.pipe(server).pipe(client);
    };
    const listener: Server =
        tls === undefined
            ? createServer(join)
            : createTlsServer({ key: tls.key, cert: tls.certificate, ALPNProtocols: ['h2'] }, join);
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    const address = listener.address();
    const cut = () => {
        const count = open.size;
        for (const client of open) client.destroy();
        return count;
    };
    return {
        port: typeof address === 'object' && address !== null ? address.port : 0,
        cut,
        end: async () => {
            cut();
            await new Promise((resolve) => listener.close(resolve));
        },
    };
}
