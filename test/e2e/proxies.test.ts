import type { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';

import { contentBytes } from '../support/content.ts';
import { Curl, valuesOf } from '../support/curl.ts';
import { AgentProcess, HubProcess } from '../support/deployment.ts';
import {
  exampleProxies,
  listensOnIpv6,
  startExample,
  type ProxyPlace,
} from '../support/example-proxies.ts';
import { chosenCases } from '../support/long-form.ts';
import { type Origin, startOrigin } from '../support/origin/origin.ts';
import { hasParts } from '../support/parts.ts';
import type { Program } from '../support/program.ts';
import { Visitor } from '../support/visitor.ts';

const tenant = 'movies.phlix.localhost';
const lies = ['X-Forwarded-For: 6.6.6.6', 'X-Forwarded-Proto: http', 'X-Forwarded-Host: evil'];

let origin: Origin;
beforeAll(async () => {
  origin = await startOrigin();
});
afterAll(async () => origin?.stop());

/** The examples that end TLS themselves, with the real programs, in front of one hub. */
describe.skipIf(!hasParts('caddy', 'nginx', 'haproxy', 'curl'))('a hub behind', () => {
  let hub: HubProcess;
  let agent: AgentProcess;

  beforeAll(async () => {
    hub = await HubProcess.start({
      settings: {
        HUB_TLS: 'proxy',
        HUB_PUBLIC_URL: 'https://hub.localhost',
        HUB_HTTPS_LISTEN: undefined,
        HUB_TRUSTED_PROXIES: '127.0.0.1',
      },
    });
    const token = await hub.createToken('--label', 'movies');
    const url = `https://hub.localhost:${hub.ports.tunnel}`;
    agent = new AgentProcess({ hub: { url }, originPort: origin.port, token });
    await agent.reachable();
  }, 120_000);
  afterAll(async () => {
    await agent?.stop();
    await hub?.stop();
  });

  describe.each(exampleProxies)('%s that ends TLS', (proxy) => {
    let program: Program;
    let place: ProxyPlace;
    let curl: Curl;
    let address: string;

    beforeAll(async () => {
      const [httpsPort, httpPort] = await freePorts();
      // The one for its names that is at hand: the hub's own, of its authority.
      const both = readFileSync(join(hub.folder, 'local-ca', 'server.pem'), 'utf8');
      const key = both.slice(0, both.indexOf('-----BEGIN CERTIFICATE'));
      const certificate = { cert: both.slice(key.length), key };
      place = { httpsPort, httpPort, hubHttpPort: hub.ports.http, certificate };
      program = await startExample(proxy, place);
      curl = new Curl(hub.caFile);
      address = `https://${tenant}:${httpsPort}`;
    });
    afterAll(async () => program?.stop());

    test.each(['--http1.1', '--http2'])(
      'the origin hears of the visitor, and once (%s)',
      async (v) => {
        const words = lies.flatMap((line) => ['--header', line]);
        const answer = await curl.get(
          `${address}/request`,
          v,
          '--interface',
          '127.0.0.7',
          ...words,
        );
        expect(answer).toMatchObject({ status: 200, exitCode: 0 });
        const fields = forwarded(answer.body);
        expect(fields).toEqual([
          ['x-forwarded-for', '127.0.0.7'],
          ['x-forwarded-proto', 'https'],
          ['x-forwarded-host', expect.stringMatching(tenant)],
        ]);
      },
    );

    test.skipIf(!listensOnIpv6(proxy))(
      'visitors come over IPv6 as well, to both ports',
      async () => {
        const at = (port: number) => ['--resolve', `${tenant}:${port}:[::1]`];
        const answer = await curl.get(`${address}/request`, ...at(place.httpsPort));
        expect(answer).toMatchObject({ status: 200, exitCode: 0 });
        expect(forwarded(answer.body)).toContainEqual(['x-forwarded-for', '::1']);
        const plain = await curl.get(`http://${tenant}:${place.httpPort}/x`, ...at(place.httpPort));
        expect(plain.status).toBe(308);
      },
    );

    test(
      'a film by ranges, an upload of 8 MB, and events as they come',
      { timeout: 60_000 },
      async () => {
        const range = await curl.get(`${address}/content/film/3000000`, '--range', '1000-200999');
        expect(range).toMatchObject({
          status: 206,
          exitCode: 0,
          sha256: hashOf(contentBytes('film', 1000, 200_000)),
        });
        expect(valuesOf(range, 'content-range')).toEqual(['bytes 1000-200999/3000000']);
        const sent = contentBytes('upload', 0, 8_000_000);
        const upload = await curl.send({ input: sent }, `${address}/upload`, '--data-binary', '@-');
        expect(JSON.parse(upload.body.toString())).toMatchObject({
          bytes: sent.length,
          sha256: hashOf(sent),
        });
        const events = curl.start(`${address}/events?count=50&everyMs=200`);
        const [first] = (await once(events.stdout ?? events, 'data')) as [Buffer];
        // The first of fifty, long before the last.
        expect(first.toString().split('data:').length).toBeLessThan(20);
        events.kill();
      },
    );

    test('a WebSocket echoes', async () => {
      const visitor = new Visitor(address, hub.caFile);
      const socket = visitor.socket('/socket');
      await once(socket, 'open');
      socket.send('hello');
      const [back] = (await once(socket, 'message')) as [Buffer];
      expect(back.toString()).toBe('hello');
      socket.close();
      visitor.leave();
    });

    test('people sign in over https, and plain HTTP leads there', async () => {
      const page = await curl.get(`https://hub.localhost:${place.httpsPort}/`);
      expect(page.status).toBeLessThan(400);
      const plain = await curl.get(`http://${tenant}:${place.httpPort}/x?y`);
      expect(plain.status).toBe(308);
      expect(valuesOf(plain, 'location')[0]).toMatch(
        /^https:\/\/movies\.phlix\.localhost.*\/x\?y$/,
      );
    });
  });
});

/** A hub of its own, in the long form. That PROXY headers are understood haproxy.test.ts shows each time. */
const passesThrough = chosenCases(['haproxy'], []).length > 0 && hasParts('haproxy', 'curl');
test.skipIf(!passesThrough)(
  'HAProxy passes TLS through, to the hub by name',
  { timeout: 120_000 },
  async () => {
    const [httpsPort, httpPort] = await freePorts();
    const hub = await HubProcess.start({
      settings: {
        HUB_TRUSTED_PROXIES: '127.0.0.1',
        HUB_PROXY_PROTOCOL: '1',
        HUB_PUBLIC_URL: `https://hub.localhost:${httpsPort}`,
      },
    });
    const certificate = { cert: '', key: '' };
    const { http: hubHttpPort, https: hubHttpsPort } = hub.ports;
    const place = { httpsPort, httpPort, hubHttpPort, hubHttpsPort, certificate };
    const program = await startExample('haproxy', place, 'tls-passed-through.cfg');
    const curl = new Curl(hub.caFile);
    expect((await curl.get(`https://hub.localhost:${httpsPort}/`)).status).toBeLessThan(400);
    expect((await curl.get(`http://hub.localhost:${httpPort}/x`)).status).toBe(308);
    for (const port of listensOnIpv6('haproxy') ? [httpsPort, httpPort] : []) {
      const address = `${port === httpPort ? 'http' : 'https'}://hub.localhost:${port}/`;
      const answer = await curl.get(address, '--resolve', `hub.localhost:${port}:[::1]`);
      expect([address, answer.exitCode]).toEqual([address, 0]);
    }
    await program.stop();
    await hub.stop();
  },
);

test('the examples for Traefik are of its shape, by its documentation alone: Debian has no Traefik', () => {
  const folder = fileURLToPath(new URL('../../infra/proxies/traefik', import.meta.url));
  const read = (name: string) => parse(readFileSync(join(folder, name), 'utf8')) as never;
  expect(readdirSync(folder).toSorted()).toEqual(['tls-ended.yaml', 'tls-passed-through.yaml']);
  expect(read('tls-ended.yaml')).toMatchObject({
    http: {
      routers: { 'phlix-hub': { service: 'phlix-hub', tls: {} } },
      services: { 'phlix-hub': { loadBalancer: { passHostHeader: true } } },
    },
  });
  expect(read('tls-passed-through.yaml')).toMatchObject({
    tcp: {
      routers: { 'phlix-hub': { service: 'phlix-hub', tls: { passthrough: true } } },
      services: { 'phlix-hub': { loadBalancer: { proxyProtocol: { version: 2 } } } },
    },
  });
});

function hashOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function forwarded(body: Buffer): [string, string][] {
  const { fields } = JSON.parse(body.toString()) as { fields: string[] };
  const pairs = fields.flatMap((name, at): [string, string][] =>
    at % 2 === 0 ? [[name.toLowerCase(), fields[at + 1] ?? '']] : [],
  );
  return pairs.filter(([name]) => /^(x-forwarded|forwarded|x-real)/.test(name));
}

/** Two that were free a moment ago. */
async function freePorts(): Promise<[number, number]> {
  const servers = [createServer(), createServer()];
  const ports = servers.map(async (server) => {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return (server.address() as AddressInfo).port;
  });
  const [one = 0, two = 0] = await Promise.all(ports);
  await Promise.all(servers.map(async (server) => once(server.close(), 'close')));
  return [one, two];
}
