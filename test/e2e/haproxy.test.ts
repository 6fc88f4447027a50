import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { Curl } from '../support/curl.ts';
import { AgentProcess, HubProcess } from '../support/deployment.ts';
import { startHaproxy } from '../support/haproxy.ts';
import { hasParts } from '../support/parts.ts';
import type { Program } from '../support/program.ts';
import { type RawOrigin, startRawOrigin } from '../support/raw-origin.ts';

/** The hub, HAProxy's side towards it, and two visitors: addresses of this machine's loopback. */
const [hubAt, proxyFrom] = ['127.0.0.9', '127.0.0.2'];
const [alice, bob] = ['127.0.0.7', '127.0.0.8'];

describe.skipIf(!hasParts('haproxy', 'curl'))('behind HAProxy with send-proxy-v2', () => {
  let origin: RawOrigin;
  let hub: HubProcess;
  let proxy: Program;
  let agent: AgentProcess;
  let address: string;
  let curl: Curl;

  beforeAll(async () => {
    origin = await startRawOrigin({
      '/': (socket, head) => {
        const fields = head.split('\r\n').filter((line) => /^(x-forw|forw|x-real)/i.test(line));
        const body = JSON.stringify(fields);
        socket.end(
          `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
        );
      },
      '/slow': (socket) => void socket.resume(),
    });
    hub = await HubProcess.start({
      settings: {
        HUB_HTTPS_LISTEN: `${hubAt}:0`,
        HUB_HTTP_LISTEN: `${hubAt}:0`,
        HUB_TUNNEL_LISTEN: `${hubAt}:0`,
        HUB_TRUSTED_PROXIES: proxyFrom,
        HUB_PROXY_PROTOCOL: '1',
        HUB_LIMIT_CONNECTIONS_PER_ADDRESS: '3',
      },
    });
    proxy = await startHaproxy({
      ports: Object.values(hub.ports),
      at: '127.0.0.1',
      hub: hubAt,
      from: proxyFrom,
      // With a checksum and the name of the hello, which has to be skipped.
      serverOptions: 'send-proxy-v2 proxy-v2-options crc32c,authority,unique-id',
    });
    const token = await hub.createToken('--label', 'movies', '--cidr', '127.0.0.1/32');
    agent = new AgentProcess({ hub, originPort: origin.port, token });
    [address = ''] = await agent.reachable();
    curl = new Curl(hub.caFile);
  });

  afterAll(async () => {
    await agent?.stop();
    await proxy?.stop();
    await hub?.stop();
    await origin?.stop();
  });

  test.each(['--http1.1', '--http2'])(
    'the origin hears of the visitor, and once (%s)',
    async (v) => {
      const lies = ['X-Forwarded-For: 6.6.6.6', `X-Real-IP: 6.6.6.6`, 'Forwarded: for=6.6.6.6'];
      const words = lies.flatMap((line) => ['--header', line]);
      const answer = await curl.get(address, v, '--interface', alice, ...words);
      expect(answer).toMatchObject({ status: 200, exitCode: 0 });
      const { host } = new URL(address);
      expect(JSON.parse(answer.body.toString())).toEqual([
        `x-forwarded-for: ${alice}`,
        'x-forwarded-proto: https',
        `x-forwarded-host: ${host}`,
      ]);
    },
  );

  test('one visitor who holds all of his connections leaves the other his', async () => {
    const slow = () => curl.start(`${address}/slow`, '--http1.1', '--interface', alice);
    // More than the limit: those of the test before may not be gone yet.
    const held = [slow(), slow(), slow(), slow(), slow()];
    await expect
      .poll(async () => (await curl.get(address, '--interface', alice)).exitCode, {
        timeout: 10_000,
      })
      .not.toBe(0);
    expect((await curl.get(address, '--interface', bob)).status).toBe(200);
    for (const child of held) child.kill();
    await expect
      .poll(async () => (await curl.get(address, '--interface', alice)).status, { timeout: 10_000 })
      .toBe(200);
  });

  test('the agent came through it too, under its own address', async () => {
    await hub.program.waitForLine(/"agent connected"/);
    expect(hub.program.output).toMatch(/"address":"127\.0\.0\.1"[^\n]*"agent connected"/);
  });

  test('the plain port leads to the same address', async () => {
    const url = new URL(address);
    const answer = await curl.get(`http://${url.hostname}:${hub.ports.http}/x`);
    expect(answer.status).toBe(308);
    expect(Object.fromEntries(answer.fields)['location']).toBe(`${url.origin}/x`);
  });

  test('whoever comes around it may not speak for others', async () => {
    const { hostname } = new URL(address);
    const around = ['--resolve', `${hostname}:${hub.ports.https}:${hubAt}`, '--interface', bob];
    const direct = await curl.get(address, ...around);
    expect(JSON.parse(direct.body.toString())).toContain(`x-forwarded-for: ${bob}`);
    const lying = await curl.get(address, ...around, '--haproxy-protocol');
    // A handshake that failed.
    expect(lying).toMatchObject({ exitCode: 35, status: 0 });
  });
});
