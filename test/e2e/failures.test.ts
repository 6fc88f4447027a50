import type { Socket } from 'node:net';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { freePort } from '../../infra/quickstart/ports.ts';
import { Curl, type CurlAnswer, valuesOf } from '../support/curl.ts';
import { AgentProcess, deploy, type Deployment } from '../support/deployment.ts';
import { hasParts } from '../support/parts.ts';
import { type RawOrigin, startRawOrigin } from '../support/raw-origin.ts';

let origin: RawOrigin;
let deployment: Deployment;
let curl: Curl;
const agents: AgentProcess[] = [];

interface Failure {
  readonly when: string;
  readonly label?: string;
  readonly path?: string;
  readonly status: number;
  readonly code: string;
  readonly retryAfter?: string;
}

const failures: readonly Failure[] = [
  {
    when: 'the agent is offline',
    label: 'offline',
    status: 503,
    code: 'tunnel.offline',
    retryAfter: '10',
  },
  { when: 'no server has the name', label: 'nobody', status: 404, code: 'tunnel.unknown' },
  {
    when: 'the origin is down',
    label: 'down',
    status: 502,
    code: 'origin.unreachable',
    retryAfter: '10',
  },
  {
    when: 'the origin closes before it answers',
    path: '/closes',
    status: 502,
    code: 'origin.closed',
  },
  {
    when: 'the origin closes in the middle of its head',
    path: '/half-a-head',
    status: 502,
    code: 'origin.closed',
  },
  { when: 'the origin resets', path: '/resets', status: 502, code: 'origin.closed' },
  {
    when: 'the head of the answer is too large',
    path: '/large-head',
    status: 502,
    code: 'origin.too-large',
  },
  {
    when: 'the origin speaks another protocol',
    path: '/garbage',
    status: 502,
    code: 'origin.bad-response',
  },
  {
    when: 'the answer has two lengths',
    path: '/two-lengths',
    status: 502,
    code: 'origin.bad-response',
  },
  { when: 'the origin stays silent', path: '/silence', status: 504, code: 'origin.timeout' },
];

const answers = {
  '/closes': (socket: Socket) => void socket.end(),
  '/half-a-head': 'HTTP/1.1 200 OK\r\nContent-Ty',
  '/resets': (socket: Socket) => void socket.resetAndDestroy(),
  '/large-head': [
    'HTTP/1.1 200 OK',
    ...Array<string>(20).fill('X-Large: '.padEnd(8000, 'x')),
    '',
    '',
  ].join('\r\n'),
  '/garbage': 'SSH-2.0-OpenSSH_9.6\r\n',
  '/two-lengths': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc',
  '/silence': () => undefined,
};

describe.skipIf(!hasParts('curl'))('what visitors are told', () => {
  beforeAll(async () => {
    origin = await startRawOrigin(answers);
    deployment = await deploy({
      originPort: origin.port,
      hub: { settings: { HUB_LIMIT_IDLE_BODY: '2s' } },
    });
    curl = new Curl(deployment.hub.caFile);
    await connect('down', await freePort());
    await (await connect('offline', origin.port)).stop();
  });

  afterAll(async () => {
    for (const agent of agents) await agent.stop();
    await deployment?.stop();
    await origin?.stop();
  });

  describe.each(['--http1.1', '--http2'])('%s', (version) => {
    test.each(failures)('$when: $status $code for a program', async (failure) => {
      const answer = await ask(failure, version);
      expect(answer).toMatchObject({ exitCode: 0, status: failure.status });
      expect(valuesOf(answer, 'content-type')).toEqual(['application/problem+json']);
      expect(valuesOf(answer, 'retry-after')).toEqual(
        failure.retryAfter === undefined ? [] : [failure.retryAfter],
      );
      const [id = ''] = valuesOf(answer, 'x-request-id');
      expect(JSON.parse(answer.body.toString())).toEqual({
        type: `urn:phlix-hub:error:${failure.code}`,
        title: expect.any(String),
        status: failure.status,
        detail: expect.stringMatching(/\.$/),
        code: failure.code,
        instance: `urn:uuid:${id}`,
      });
    });

    test.each(failures)('$when: a page for a browser', async (failure) => {
      const answer = await ask(failure, version, '--header', 'Accept: text/html,*/*;q=0.8');
      expect(answer).toMatchObject({ exitCode: 0, status: failure.status });
      expectSafePage(answer);
      expect(answer.body.toString()).toContain(`<code>${failure.code}</code>`);
    });
  });

  test('HEAD is answered with the head alone', async () => {
    const failure = { when: '', label: 'offline', status: 503, code: 'tunnel.offline' };
    const answer = await ask(failure, '--http1.1', '--head');
    expect(answer).toMatchObject({ exitCode: 0, status: 503 });
  });

  test('what a visitor writes does not become part of the page', async () => {
    const markup = '"><script>alert(1)</script>';
    const options = ['--globoff', '--header', 'Accept: text/html', '--user-agent', markup];
    const answer = await curl.get(`${addressOf('offline')}/?${encodeURI(markup)}`, ...options);
    expect(answer.status).toBe(503);
    expectSafePage(answer);
  });
});

/** Nothing that runs, nothing from elsewhere, nothing that a cache keeps, and no frame around it. */
function expectSafePage(answer: CurlAnswer): void {
  expect(valuesOf(answer, 'content-type')).toEqual(['text/html; charset=utf-8']);
  expect(valuesOf(answer, 'cache-control')).toEqual(['no-store']);
  expect(valuesOf(answer, 'x-content-type-options')).toEqual(['nosniff']);
  expect(valuesOf(answer, 'referrer-policy')).toEqual(['no-referrer']);
  const [policy = ''] = valuesOf(answer, 'content-security-policy');
  expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-[^']+'; base-uri 'none'/);
  expect(policy).toContain("frame-ancestors 'none'");
  const page = answer.body.toString();
  expect(page).not.toMatch(/<script|<link|<img|<iframe|\bsrc=|\bon\w+=|https?:/i);
  expect(page).toMatch(/<html lang="en">[^]*<meta name="viewport"[^]*<h1>/);
}

async function ask({ label, path = '/' }: Failure, ...options: string[]): Promise<CurlAnswer> {
  return curl.get(`${addressOf(label ?? 'movies')}${path}`, ...options);
}

function addressOf(label: string): string {
  return deployment.hub.addressOf(label);
}

async function connect(label: string, originPort: number): Promise<AgentProcess> {
  const { hub } = deployment;
  const token = await hub.createToken('--label', label);
  const agent = new AgentProcess({ hub, originPort, token });
  agents.push(agent);
  await agent.reachable();
  return agent;
}
