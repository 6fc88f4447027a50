import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import {
  createServer as createTcpServer,
  type AddressInfo,
  type Server,
  type Socket,
} from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';

import { afterEach, expect, test, vi } from 'vitest';

import { createLogger } from '../shared/log.ts';
import type { ResetReason } from '../shared/wire/codes.ts';
import { selfSigned } from '../test/support/self-signed.ts';
import type { CertificatePin, OriginAddress, OriginTrust } from './origin-address.ts';
import { keyPinOf } from './origin-dial.ts';
import { Origin } from './origin.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

interface Visit {
  /** What was sent to the origin although it was not trusted would be here. */
  readonly received: string[];
  readonly serverNames: unknown[];
  readonly outcome: 'ready' | ResetReason;
  readonly remedy: string | undefined;
  readonly state: string;
}

/** One connection to an origin that shows `certificate`, dialled as `hostname`. */
async function visit(options: {
  certificate: { key: string; cert: string };
  trust: OriginTrust;
  hostname?: string;
}): Promise<Visit> {
  const received: string[] = [];
  const serverNames: unknown[] = [];
  const server = createServer(options.certificate, (socket: TLSSocket) => {
    serverNames.push(socket.servername);
    socket.on('data', (chunk: Buffer) => received.push(chunk.toString()));
    socket.on('error', () => undefined);
  });
  const port = await listen(server);
  const hostname = options.hostname ?? 'nas.localhost';
  const { trust } = options;
  const url = `https://${hostname}:${port}`;
  const address: OriginAddress = { kind: 'tls', hostname, port, protocol: 'http/1.1', trust, url };
  return { received, serverNames, ...(await dialled(address)) };
}

async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

async function dialled(
  address: OriginAddress,
  connectTimeoutMs?: number,
): Promise<Pick<Visit, 'outcome' | 'remedy' | 'state'>> {
  const logged: { remedy?: string }[] = [];
  const log = createLogger(
    { level: 'warn', name: 'test' },
    { write: (line) => void logged.push(JSON.parse(line) as { remedy?: string }) },
  );
  const origin = new Origin(
    address,
    log,
    connectTimeoutMs === undefined ? {} : { connectTimeoutMs },
  );
  const buffer = Buffer.alloc(1024);
  const outcome = await new Promise<Visit['outcome']>((resolve) => {
    const onReady = (): void => {
      socket.write('a cookie');
      resolve('ready');
    };
    const onread = { buffer, callback: () => true };
    const socket = origin.connect(onread, { onReady, onFailed: resolve });
    closers.push(() => socket.destroy());
  });
  return { outcome, remedy: logged[0]?.remedy, state: origin.state };
}

function pin(text: string): OriginTrust {
  const [, encoded = ''] = /^sha256\/(.*)$/.exec(text) ?? [];
  const pin: CertificatePin = { of: 'key', digest: Buffer.from(encoded, 'base64') };
  return { pin };
}

test('a certificate of an authority that the owner named is trusted, and gets its own name', async () => {
  const certificate = await selfSigned('nas.localhost');
  const made = await visit({ certificate, trust: { authorities: [certificate.cert] } });
  expect(made).toMatchObject({ outcome: 'ready', state: 'answering', remedy: undefined });
  await vi.waitFor(() => expect(made.serverNames).toEqual(['nas.localhost']));
});

test('a certificate that nobody vouches for gets no byte, and the owner both remedies', async () => {
  const certificate = await selfSigned('nas.localhost');
  const made = await visit({ certificate, trust: { authorities: undefined } });
  expect(made).toMatchObject({ outcome: 'origin-untrusted', state: 'untrusted', received: [] });
  expect(made.remedy).toContain('PHLIX_ORIGIN_CA_FILE');
  expect(made.remedy).toContain('PHLIX_ORIGIN_PIN');
});

test('a certificate for another name is refused, however trusted it is', async () => {
  const certificate = await selfSigned('other.localhost');
  const made = await visit({ certificate, trust: { authorities: [certificate.cert] } });
  expect(made).toMatchObject({ outcome: 'origin-untrusted', state: 'untrusted', received: [] });
  expect(made.remedy).toContain('is for other names');
});

test('a pinned key or certificate is enough, whatever name and authority it has', async () => {
  const certificate = await selfSigned('a-name-of-the-factory');
  const shown = new X509Certificate(certificate.cert);
  const digest = createHash('sha256').update(shown.raw).digest();
  for (const trust of [pin(keyPinOf(shown)), { pin: { of: 'certificate', digest } as const }]) {
    const made = await visit({ certificate, trust, hostname: '127.0.0.1' });
    expect(made).toMatchObject({ outcome: 'ready', state: 'answering' });
  }
});

test('another key than the pinned one gets no byte', async () => {
  const pinned = new X509Certificate((await selfSigned('nas.localhost')).cert);
  const certificate = await selfSigned('nas.localhost');
  const made = await visit({ certificate, trust: pin(keyPinOf(pinned)) });
  expect(made).toMatchObject({ outcome: 'origin-untrusted', state: 'untrusted', received: [] });
  expect(made.remedy).toContain('shows another certificate than PHLIX_ORIGIN_PIN names');
});

test('plain HTTP behind https:// is told as what it is', async () => {
  const port = await listen(
    createTcpServer((socket) => void socket.once('data', () => socket.end('HTTP/1.1 400 Bad\r\n'))),
  );
  const made = await dialled({
    kind: 'tls',
    hostname: '127.0.0.1',
    port,
    protocol: 'http/1.1',
    trust: { authorities: undefined },
    url: `https://127.0.0.1:${port}`,
  });
  expect(made).toMatchObject({ outcome: 'origin-unreachable', state: 'unreachable' });
  expect(made.remedy).toContain('does not speak TLS: write PHLIX_ORIGIN_URL with http://');
});

test('a handshake that is answered with an alert is not told as silence', async () => {
  // RFC 8446 §6: fatal, unrecognized_name.
  const alert = Buffer.from([21, 3, 3, 0, 2, 2, 112]);
  const port = await listen(
    createTcpServer((socket) => void socket.once('data', () => socket.end(alert))),
  );
  const made = await dialled({
    kind: 'tls',
    hostname: '127.0.0.1',
    port,
    protocol: 'http/1.1',
    trust: { authorities: undefined },
    url: `https://127.0.0.1:${port}`,
  });
  expect(made).toMatchObject({ outcome: 'origin-unreachable', state: 'unreachable' });
  expect(made.remedy).toContain('answers and refuses the TLS handshake: write PHLIX_ORIGIN_URL');
});

test('an origin that takes the connection and never answers the handshake is silent', async () => {
  const port = await listen(createTcpServer());
  const made = await dialled(
    {
      kind: 'tls',
      hostname: '127.0.0.1',
      port,
      protocol: 'http/1.1',
      trust: { authorities: undefined },
      url: `https://127.0.0.1:${port}`,
    },
    100,
  );
  expect(made).toMatchObject({ outcome: 'origin-timeout', state: 'silent' });
});

test('a socket that is not there is told with its path', async () => {
  const path = '/nowhere/server.sock';
  const made = await dialled({ kind: 'unix', path, protocol: 'http/1.1', url: `unix:${path}` });
  expect(made).toMatchObject({ outcome: 'origin-unreachable', state: 'unreachable' });
  expect(made.remedy).toBe(
    `there is no socket at unix:${path}: start your media server or set PHLIX_ORIGIN_URL`,
  );
});
