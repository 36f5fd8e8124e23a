/** Where a server is and how to speak to it, as `sc://host:port/;name=value;name=value` says. */
export interface SparkAddress {
    readonly host: string;
    readonly port: number;
    readonly isTls: boolean;
    readonly token?: string;
    readonly userId: string;
    readonly sessionId?: string;
    readonly userAgent?: string;
    /** Every other setting is sent with each call, such as `x-databricks-cluster-id`. */
    readonly headers: Readonly<Record<string, string>>;
}

export class SparkAddressError extends Error {
    constructor(message: string) {
        super(message);
        this.name = 'SparkAddressError';
    }
}

const PORT = 15_002;
const TLS_PORT = 443;
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Reads an address in the form that all clients of Spark Connect share. A token is never sent in the clear over a network: with one,
 * TLS is on unless the host is this machine. Values are percent-decoded.
 * @throws SparkAddressError that names the part; never repeats a token
 */
export function parseSparkAddress(text: string): SparkAddress {
    const match = /^sc:\/\/(\[[0-9a-fA-F:]+\]|[^/;:[\]\s]+)(?::(\d{1,5}))?(?:\/?|\/;(.*))$/.exec(text);
    if (!match) throw new SparkAddressError('an address is sc://host:port/;name=value;name=value');
    const [, host = '', portText, settingsText = ''] = match;
    const settings = readSettings(settingsText);
    const take = (name: string) => {
        const value = settings.get(name);
        settings.delete(name);
        return value;
    };
    const token = take('token');
    const isTls = readTls(take('use_ssl'), token !== undefined, LOOPBACK.test(host));
    const port = portText === undefined ? (isTls ? TLS_PORT : PORT) : Number(portText);
    if (port < 1 || port > 65_535) throw new SparkAddressError(`there is no port ${port}`);
    const sessionId = take('session_id');
    if (sessionId !== undefined && !UUID.test(sessionId))
        throw new SparkAddressError('session_id must be a UUID');
    const userAgent = take('user_agent');
    const userId = take('user_id') ?? 'spark-connect-node';
    for (const name of settings.keys()) {
        if (!/^[a-z0-9_.-]+$/.test(name))
            throw new SparkAddressError(`'${name}' is no setting, and cannot be the name of a header`);
    }
    return {
        host,
        port,
        isTls,
        userId,
        ...(token === undefined ? {} : { token }),
        ...(sessionId === undefined ? {} : { sessionId }),
        ...(userAgent === undefined ? {} : { userAgent }),
        headers: Object.fromEntries(settings),
    };
}

/** The address without its token, for messages. */
export function addressText({ host, port }: SparkAddress): string {
    return `sc://${host}:${port}`;
}

function readSettings(text: string): Map<string, string> {
    const settings = new Map<string, string>();
    for (const part of text.split(';')) {
        if (part === '') continue;
        const at = part.indexOf('=');
        if (at < 1) throw new SparkAddressError('each setting after the slash is name=value');
        const name = part.slice(0, at);
        if (settings.has(name)) throw new SparkAddressError(`${name} is set twice`);
        settings.set(name, decode(name, part.slice(at + 1)));
    }
    return settings;
}

function decode(name: string, value: string): string {
    try {
        return decodeURIComponent(value);
    } catch {
        throw new SparkAddressError(`the value of ${name} is not percent-encoded`);
    }
}

function readTls(useSsl: string | undefined, hasToken: boolean, isLoopback: boolean): boolean {
    if (useSsl !== undefined && useSsl !== 'true' && useSsl !== 'false')
        throw new SparkAddressError('use_ssl is true or false');
    if (useSsl === 'false' && hasToken && !isLoopback)
        throw new SparkAddressError('a token is not sent without TLS to another machine');
    return useSsl === undefined ? hasToken && !isLoopback : useSsl === 'true';
}
