import { once } from 'node:events';
import { readFileSync, renameSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { Curl } from '../support/curl.ts';
import { deploy, type Deployment } from '../support/deployment.ts';
import { startOtlpReceiver, type OtlpReceiver, type SentSpan } from '../support/otlp-receiver.ts';
import { hasParts } from '../support/parts.ts';
import { Program } from '../support/program.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const logs = temporaryFolder('records').path;
const accessFile = join(logs, 'access.log');
const agentFile = join(logs, 'agent.log');
/** Of a visitor: nobody may read it anywhere. */
const canary = 'fifteen-canaries-in-a-visitors-request';

describe.skipIf(!hasParts('curl'))('what is written down of a visit', () => {
  let origin: Server;
  let heard: IncomingMessage['headers'][] = [];
  let collector: OtlpReceiver;
  let deployment: Deployment;
  let curl: Curl;
  const printed: string[] = [];

  beforeAll(async () => {
    collector = await startOtlpReceiver();
    origin = createServer((request, response) => answer(request, response, heard));
    origin.listen(0, '127.0.0.1');
    await once(origin, 'listening');
    deployment = await deploy({
      originPort: (origin.address() as AddressInfo).port,
      hub: {
        settings: {
          HUB_ACCESS_LOG: accessFile,
          HUB_OTLP_URL: collector.url,
          HUB_OTLP_HEADERS: 'authorization=Bearer%20collector-of-phlix',
          HUB_TRUSTED_PROXIES: '127.0.0.2',
        },
        onLine: (line) => printed.push(line),
      },
      agent: { settings: { PHLIX_LOG_LEVEL: 'debug' }, onLine: (line) => printed.push(line) },
    });
    curl = new Curl(deployment.hub.caFile);
  }, 120_000);

  afterAll(async () => {
    await deployment?.stop();
    origin?.close();
    await collector?.stop();
  });

  const spanOf = async (request: string | undefined): Promise<SentSpan> =>
    collector.span((span) => span.attributes['phlix.request.id'] === request);

  test('is one line of the access log and one trace, with the class of the path and never the path', async () => {
    heard = [];
    const path = `/Videos/${canary}/stream.mkv?X-Plex-Token=${canary}&api_key=${canary}`;
    const answered = await curl.get(`${deployment.address}${path}`);
    expect(answered.body.toString()).toBe('a film');
    const id = String(heard[0]?.['x-request-id']);
    expect(await lineOf(id)).toMatchObject({
      msg: 'exchange',
      host: 'movies.phlix.localhost',
      method: 'GET',
      class: 'playback',
      http: '2',
      status: 200,
      bytes_up: 0,
      bytes_down: 6,
      resumed: 0,
      address: '127.0.0.0/24',
    });
    expect(statSync(accessFile).mode & 0o777).toBe(0o640);

    const span = await spanOf(id);
    expect(heard[0]?.['traceparent']).toBe(`00-${span.traceId}-${span.spanId}-01`);
    expect(span).toMatchObject({
      name: 'GET playback',
      kind: 2,
      parentSpanId: '',
      service: 'phlix-hub',
      attributes: {
        'http.request.method': 'GET',
        'http.response.status_code': 200,
        'url.scheme': 'https',
        'server.address': 'movies.phlix.localhost',
        'phlix.path.class': 'playback',
        'http.response.body.size': 6,
        'phlix.resumed': false,
      },
    });
    const parts = collector.spans.filter(({ parentSpanId }) => parentSpanId === span.spanId);
    expect(parts.map(({ name }) => name).toSorted()).toEqual(['origin.first_byte', 'tunnel.wait']);
    expect(parts.every(({ traceId }) => traceId === span.traceId)).toBe(true);
    expect(
      collector.heads.every((head) => head.authorization === 'Bearer collector-of-phlix'),
    ).toBe(true);
  }, 30_000);

  test('does not join the trace of a visitor whom nobody vouches for', async () => {
    heard = [];
    const parent = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`;
    await curl.get(deployment.address, '-H', `traceparent: ${parent}`, '-H', 'tracestate: a=b');
    expect(heard[0]?.['traceparent']).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(heard[0]?.['traceparent']).not.toContain('abab');
    expect(heard[0]?.['tracestate']).toBeUndefined();
  });

  test('goes on in the trace that a trusted proxy brings', async () => {
    heard = [];
    const trace = 'ab'.repeat(16);
    const vouched = ['--interface', '127.0.0.2', '-H', 'X-Forwarded-For: 198.51.100.9'];
    const fields = ['-H', `traceparent: 00-${trace}-${'cd'.repeat(8)}-01`, '-H', 'tracestate: a=b'];
    await curl.get(deployment.address, ...vouched, ...fields);
    const id = String(heard[0]?.['x-request-id']);
    expect(heard[0]?.['traceparent']).toContain(`00-${trace}-`);
    expect(heard[0]?.['tracestate']).toBe('a=b');
    expect(await spanOf(id)).toMatchObject({ traceId: trace, parentSpanId: 'cd'.repeat(8) });
    expect(await lineOf(id)).toMatchObject({ address: '198.51.100.0/24' });
  });

  test('says what the hub answered in place of the server', async () => {
    const denied = await curl.get(`${deployment.address}/System/Restart`);
    expect(denied.status).toBe(403);
    const id = denied.fields.find(([name]) => name === 'x-request-id')?.[1];
    expect(await lineOf(id)).toMatchObject({ status: 403, code: 'edge.denied', bytes_down: 0 });
    expect(await spanOf(id)).toMatchObject({ attributes: { 'phlix.code': 'edge.denied' } });
  });

  test('holds no secret of the visitor, in no log at level debug and in no span', async () => {
    const fields = [
      `X-Plex-Token: ${canary}`,
      `X-Emby-Token: ${canary}`,
      `X-Emby-Authorization: MediaBrowser Token="${canary}"`,
      `Authorization: Bearer ${canary}`,
      `Cookie: p_token=${canary}`,
      `User-Agent: ${canary}`,
      `Referer: https://elsewhere.example/?sig=${canary}&exp=1`,
      `Accept: text/html, ${canary}`,
    ].flatMap((line) => ['-H', line]);
    for (const path of ['/', '/broken', '/System/Shutdown', '/web/', '//', '/a b'])
      await curl.get(
        `${deployment.address}${path}?ApiKey=${canary}&token=phe_${canary}`,
        ...fields,
      );
    await curl.get(`${deployment.address}/${canary}`, '-X', 'PROPFIND');
    await expect.poll(() => lines().filter(({ method }) => method === 'other').length).toBe(1);
    const texts = {
      output: printed.join('\n'),
      access: readFileSync(accessFile, 'utf8'),
      spans: JSON.stringify(collector.spans),
    };
    expect(printed.some((line) => line.includes('"request failed"'))).toBe(true);
    for (const text of Object.values(texts))
      expect(text.toLowerCase()).not.toMatch(/fifteen-?canaries/);
  });

  test('goes on without a trace when the collector is away, and with it when it is back', async () => {
    await collector.stop();
    const since = performance.now();
    for (let i = 0; i < 5; i += 1) expect((await curl.get(deployment.address)).status).toBe(200);
    expect(performance.now() - since).toBeLessThan(10_000);
    await deployment.hub.program.waitForLine(/traces cannot be sent/, 20_000);
  }, 40_000);
});

test('a hub and an agent write their logs into files, and open them anew when they are told so', async () => {
  const hubFile = join(logs, 'new', 'hub.log');
  const env = {
    HUB_TENANT_DOMAIN: 'phlix.localhost',
    HUB_DATA_DIR: temporaryFolder('hub').path,
    HUB_HTTPS_LISTEN: '127.0.0.1:0',
    HUB_HTTP_LISTEN: 'off',
    HUB_TUNNEL_LISTEN: '127.0.0.1:0',
    HUB_METRICS_LISTEN: 'off',
    HUB_DRAIN_TIMEOUT: '1s',
    HUB_LOG_FILE: hubFile,
  };
  const hub = new Program({ command: [process.execPath, 'hub/main.ts'], env });
  await expect.poll(() => read(hubFile), { timeout: 60_000 }).toContain('"hub ready"');
  expect(hub.output).toBe('');
  expect(statSync(hubFile).mode & 0o777).toBe(0o640);
  const url = /"publicUrl":"([^"]+)"/.exec(read(hubFile))?.[1];
  const words = [process.execPath, 'hub/main.ts', 'enrol-token', 'create', '--json'] as const;
  const asked = new Program({ command: words, env: { ...env, HUB_PUBLIC_URL: url } });
  expect(await asked.ended).toBe(0);
  const agent = new Program({
    command: [process.execPath, 'agent/main.ts'],
    env: {
      PHLIX_HUB_URL: url,
      PHLIX_HUB_ENROLLMENT_TOKEN: /phe_[\w.-]+/.exec(asked.output)?.[0],
      PHLIX_STATE_DIR: join(logs, 'agent'),
      PHLIX_LOG_FILE: agentFile,
      PHLIX_LOG_FILE_SIZE: '0',
    },
  });
  await expect.poll(() => read(agentFile), { timeout: 30_000 }).toContain('server is reachable');
  expect(read(agentFile)).not.toContain('phe_');
  for (const [file, program] of [
    [hubFile, hub],
    [agentFile, agent],
  ] as const) {
    renameSync(file, `${file}-aside`);
    process.kill(program.pid, 'SIGHUP');
  }
  await expect.poll(() => read(hubFile), { timeout: 10_000 }).toContain('opened again');
  // Its metrics are off: the socket in its data folder answers.
  const health = [process.execPath, 'hub/main.ts', 'health', '--ready'] as const;
  const looked = new Program({ command: health, env: { ...env, HUB_PUBLIC_URL: url } });
  expect([await looked.ended, looked.output]).toEqual([0, 'The hub is ready.\n']);
  await agent.stop();
  expect(read(agentFile)).toContain('"stopped"');
  expect(await hub.stop()).toBe(0);
}, 120_000);

/** An origin that notes what it was sent. */
function answer(
  request: IncomingMessage,
  response: ServerResponse,
  heard: IncomingMessage['headers'][],
): void {
  heard.push(request.headers);
  if (request.url?.startsWith('/broken') === true) request.socket.destroy();
  else response.end('a film');
}

function lines(): Record<string, unknown>[] {
  return readFileSync(accessFile, 'utf8')
    .trim()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Empty where there is none yet. */
function read(file: string): string {
  return readFileSync(file, { encoding: 'utf8', flag: 'a+' });
}

async function lineOf(request: string | undefined): Promise<Record<string, unknown>> {
  await expect.poll(() => lines().some((line) => line['request'] === request)).toBe(true);
  return lines().find((line) => line['request'] === request) ?? {};
}
