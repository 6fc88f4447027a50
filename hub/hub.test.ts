import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { connect } from 'node:tls';

import { WebSocket } from 'ws';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { freePort } from '../infra/quickstart/ports.ts';
import { createLogger } from '../shared/log.ts';
import { temporaryFolder, type TemporaryFolder } from '../test/support/temporary-folder.ts';
import { readConfig } from './config.ts';
import { startHub, type Hub } from './hub.ts';

const log = createLogger({ level: 'silent', name: 'test' });
const machine = { bindsLowPorts: false, stateFolder: '/nowhere', memoryBytes: 2 ** 33 };
let folder: TemporaryFolder;
const hubs: Hub[] = [];

// One folder for all: making a database takes longer than all the rest, and a stopped hub leaves its folder to the next.
beforeAll(() => {
  folder = temporaryFolder('hub');
});

afterEach(async () => {
  for (const hub of hubs.splice(0)) await hub.stop();
});

afterAll(() => {
  folder.remove();
});

async function start(
  environment: Record<string, string> = {},
  options: { takesOver?: boolean } = {},
): Promise<Hub> {
  const config = readConfig(
    {
      HUB_DATA_DIR: folder.path,
      HUB_HTTPS_LISTEN: '127.0.0.1:0',
      HUB_HTTP_LISTEN: '127.0.0.1:0',
      HUB_TUNNEL_LISTEN: '127.0.0.1:0',
      HUB_METRICS_LISTEN: 'off',
      ...environment,
    },
    machine,
  );
  const hub = await startHub(config, { log, ...options });
  hubs.push(hub);
  return hub;
}

/** The names on the certificate that is shown for `servername`; undefined when the handshake is refused. */
async function namesShown(port: number, servername: string): Promise<string | undefined> {
  const socket = connect({ host: '127.0.0.1', port, servername, rejectUnauthorized: false });
  try {
    await once(socket, 'secureConnect');
    return socket.getPeerCertificate().subjectaltname;
  } catch {
    return undefined;
  } finally {
    socket.destroy();
  }
}

async function accepts(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  const outcome = await Promise.race([
    once(server, 'listening').then(() => false),
    once(server, 'error').then(() => true),
  ]);
  server.close();
  return outcome;
}

describe('a hub', () => {
  test('says where it listens, and shows its certificate at both of its doors', async () => {
    const { addresses } = await start();
    expect(addresses.publicUrl).toBe(`https://hub.localhost:${addresses.https.port}`);
    for (const { port } of [addresses.https, addresses.tunnel]) {
      expect(await namesShown(port, 'hub.localhost')).toContain('DNS:*.phlix.localhost');
    }
  });

  test('shows tenants to visitors only, and strangers nothing', async () => {
    const { https, tunnel } = (await start()).addresses;
    expect(await namesShown(https.port, 'movies.phlix.localhost')).toBeDefined();
    expect(await namesShown(tunnel.port, 'movies.phlix.localhost')).toBeUndefined();
    expect(await namesShown(https.port, 'example.org')).toBeUndefined();
  });

  test('sends plain HTTP to the port that HTTPS really has', async () => {
    const { http, https } = (await start()).addresses;
    const headers = { host: 'hub.localhost' };
    const request = get({ host: '127.0.0.1', port: http?.port, path: '/film?t=1', headers });
    const [answer] = (await once(request, 'response')) as [IncomingMessage];
    answer.resume();
    expect(answer.statusCode).toBe(308);
    expect(answer.headers.location).toBe(`https://hub.localhost:${https.port}/film?t=1`);
  });

  test.each([
    ['TLSv1.3', 101],
    ['TLSv1.2', 426],
  ] as const)('answers an agent at the visitors’ door over %s with %i', async (version, status) => {
    const { https } = (await start()).addresses;
    const socket = connect({
      host: '127.0.0.1',
      port: https.port,
      servername: 'hub.localhost',
      rejectUnauthorized: false,
      maxVersion: version,
    });
    const websocket = new WebSocket(`wss://hub.localhost:${https.port}/tunnel`, {
      createConnection: () => socket,
    });
    websocket.on('error', () => undefined);
    const answer = await Promise.race([
      once(websocket, 'upgrade'),
      once(websocket, 'unexpected-response').then(([, response]) => [response]),
    ]);
    expect((answer[0] as IncomingMessage).statusCode).toBe(status);
    websocket.terminate();
  });

  test('takes along a stranger at the visitors’ door who never says which agent he is', async () => {
    const hub = await start();
    const { port } = hub.addresses.https;
    const address = { host: '127.0.0.1', port, servername: 'hub.localhost' };
    const websocket = new WebSocket(`wss://hub.localhost:${port}/tunnel`, {
      createConnection: () => connect({ ...address, rejectUnauthorized: false }),
    });
    websocket.on('error', () => undefined);
    await once(websocket, 'open');
    const closed = once(websocket, 'close', { signal: AbortSignal.timeout(5000) });
    await hub.stop();
    await expect(closed).resolves.toBeDefined();
  });

  test('tells monitoring what it counts and measures, as long as it runs', async () => {
    const port = await freePort();
    const hub = await start({ HUB_METRICS_LISTEN: `127.0.0.1:${port}` });
    hub.counters.resumesStarted.increment();
    hub.counters.resumesFailed.timeout.increment();
    const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
    const text = await answer.text();
    expect(text.split('\n')).toEqual(
      expect.arrayContaining([
        'phlix_hub_resumes_started_total 1',
        'phlix_hub_resumes_failed_total{reason="timeout"} 1',
        'phlix_hub_resumes_failed_total{reason="range"} 0',
        'phlix_hub_links 0',
        'phlix_hub_streams 0',
        'phlix_hub_shedding 0',
        'phlix_hub_certificates{state="valid"} 1',
        expect.stringMatching(
          /^phlix_hub_certificate_expires_in_seconds\{names="hub.localhost phlix.localhost \*.phlix.localhost",key="ecdsa"\} \d/,
        ),
        expect.stringMatching(/^phlix_hub_resident_memory_bytes \d{8,}$/),
        expect.stringMatching(/^phlix_hub_event_loop_delay_seconds\{percentile="99"\} [\d.]+$/),
      ]),
    );
    await hub.stop();
    await expect(fetch(`http://127.0.0.1:${port}/metrics`)).rejects.toThrow('fetch failed');
  });

  test('tells monitoring why it has no certificate yet', async () => {
    const port = await freePort();
    await start({
      HUB_METRICS_LISTEN: `127.0.0.1:${port}`,
      HUB_PUBLIC_URL: 'https://hub.example.test',
      HUB_TENANT_DOMAIN: 'films.example.test',
      HUB_HTTP_LISTEN: 'off',
      HUB_TLS: 'acme',
      HUB_ACME_AGREE_TERMS: '1',
      // Nobody answers there.
      HUB_ACME_DIRECTORY: 'https://127.0.0.1:9/directory',
    });
    const lines = async (): Promise<string[]> => {
      const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
      const text = await answer.text();
      return text.split('\n').filter((line) => line.startsWith('phlix_hub_certificate'));
    };
    const attempted = expect.stringMatching(/_attempts_total [1-9]/);
    await expect.poll(lines, { timeout: 20_000 }).toContainEqual(attempted);
    expect(await lines()).toEqual([
      'phlix_hub_certificate_attempts_total 1',
      'phlix_hub_certificate_failures_total{reason="acme.unreachable"} 1',
      'phlix_hub_certificate_waits_total 0',
      ...['valid 0', 'failing 0', 'missing 1', 'ended 0', 'released 0'].map((words) =>
        words.replace(/(\w+) /, 'phlix_hub_certificates{state="$1"} '),
      ),
    ]);
  }, 30_000);

  test('serves in the place of one that says nothing at the last word', async () => {
    const answers = ['{"event":"reserved"}\n', '{"event":"moved","links":0,"moved":0}\n'];
    const former = createServer((socket) => {
      socket.on('data', () => socket.write(answers.shift() ?? ''));
    }).listen(join(folder.path, 'hub.sock'));
    await once(former, 'listening');
    const hub = await start({}, { takesOver: true });
    expect(answers).toEqual([]);
    expect(await namesShown(hub.addresses.https.port, 'hub.localhost')).toBeDefined();
    former.close();
  }, 30_000);

  test('leaves plain HTTP alone when it is off', async () => {
    expect((await start({ HUB_HTTP_LISTEN: 'off' })).addresses.http).toBeUndefined();
  });

  test('stops: its ports are free, its database is gone, and another one starts on the same data', async () => {
    const first = await start();
    const { https, http, tunnel } = first.addresses;
    await first.stop();
    await first.stop();
    for (const address of [https, http, tunnel]) {
      expect(await accepts(address?.port ?? 0)).toBe(false);
    }
    const second = await start();
    expect(second.certificates.find('hub.localhost')?.notAfter).toEqual(
      first.certificates.find('hub.localhost')?.notAfter,
    );
  });
});

describe('a start that fails', () => {
  test.each(['HUB_HTTPS_LISTEN', 'HUB_HTTP_LISTEN', 'HUB_TUNNEL_LISTEN'])(
    'names the port and %s when it is taken, and closes what it opened',
    async (setting) => {
      const rival = createServer().listen(0, '127.0.0.1');
      await once(rival, 'listening');
      const { port } = rival.address() as AddressInfo;
      const taken = { [setting]: `127.0.0.1:${port}` };
      await expect(start(taken)).rejects.toThrow(
        expect.objectContaining({
          code: 'listen.in-use',
          message: expect.stringMatching(new RegExp(`${port}.*${setting}`)),
        }),
      );
      rival.close();
      await once(rival, 'close');
      // The same settings work at once: no listener, timer or database of the first attempt is left.
      const { addresses } = await start(taken);
      const ports = [addresses.https, addresses.http, addresses.tunnel].map((it) => it?.port);
      expect(ports).toContain(port);
    },
  );

  test('refuses an address that is not of this machine', async () => {
    await expect(start({ HUB_TUNNEL_LISTEN: '192.0.2.1:0' })).rejects.toMatchObject({
      code: 'listen.failed',
    });
  });

  test('refuses certificate files that are not there', async () => {
    const files = {
      HUB_TLS: 'files',
      HUB_TLS_CERT_FILE: join(folder.path, 'absent.pem'),
      HUB_TLS_KEY_FILE: join(folder.path, 'absent.key'),
    };
    await expect(start(files)).rejects.toMatchObject({ code: 'certificate.unreadable' });
  });

  test('refuses a second hub on the same data', async () => {
    await start();
    await expect(start()).rejects.toMatchObject({ code: 'database.in-use' });
  });
});
