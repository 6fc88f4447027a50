import { readFileSync } from 'node:fs';
import { connect, constants, type ClientHttp2Session } from 'node:http2';

import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';

import { BreakingOrigin } from '../support/breaking-origin.ts';
import { contentBytes } from '../support/content.ts';
import { Curl } from '../support/curl.ts';
import { deploy, type Deployment } from '../support/deployment.ts';
import { Download } from '../support/download.ts';
import { hasParts } from '../support/parts.ts';

// An agent's restart takes seconds on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

const filmBytes = 8_000_000;
const half = filmBytes / 2;
const hold = { afterBytes: half, how: 'hold' } as const;
const holdBeforeHead = { afterBytes: undefined, how: 'hold' } as const;

let origin: BreakingOrigin;
let deployment: Deployment;
let film: string;
let curl: Curl;

beforeAll(async () => {
  origin = new BreakingOrigin(filmBytes);
  await origin.start();
  deployment = await deploy({ originPort: origin.port });
  film = `${deployment.address}/film.mp4`;
  curl = new Curl(deployment.hub.caFile);
}, 90_000);
afterEach(() => origin.heal());
afterAll(async () => {
  await deployment?.stop();
  await origin?.stop();
});

async function killAgent({ agent }: Deployment): Promise<void> {
  agent.program.kill('SIGKILL');
  await agent.program.ended;
}

async function restartAgent(): Promise<void> {
  await killAgent(deployment);
  deployment.agent.startAgain();
  await deployment.agent.reachable();
}

/** Back when the hub has been told at least once that nobody is there. */
async function restartOrigin(): Promise<void> {
  const { program } = deployment.agent;
  const notices = (): number => program.output.split('"origin unreachable"').length;
  const before = notices();
  await origin.stop();
  await expect.poll(notices, { timeout: 10_000 }).toBeGreaterThan(before);
  await origin.start();
}

/** Lines of the hub's log with this message, from now on. */
function watchLog(message: string): () => Record<string, unknown>[] {
  const { program } = deployment.hub;
  const before = program.output.length;
  return () =>
    program.output
      .slice(before)
      .split('\n')
      .filter((line) => line.includes(`"msg":"${message}"`))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe.skipIf(!hasParts('curl')).each(['--http1.1', '--http2'])('with curl %s', (version) => {
  const cutCode = version === '--http2' ? 92 : 18;

  function start(...options: string[]): Download {
    return new Download(curl.start(film, version, ...options));
  }

  /** A download that has half of what it wants, and gets no more. */
  async function underWay(...options: string[]): Promise<Download> {
    origin.breaks.push(hold);
    const download = start(...options);
    await download.reaches(half);
    return download;
  }

  test.each([
    ['the agent is killed', 'link-lost', () => restartAgent()],
    ['the origin is restarted', 'origin-closed', () => restartOrigin()],
  ])('a film is whole though %s', async (_, cause, fault) => {
    const resumed = watchLog('response resumed');
    const download = await underWay();
    await fault();
    const { exitCode, status, body } = await download.done;
    expect([exitCode, status, body.equals(origin.film)]).toEqual([0, 200, true]);
    const last = { range: `bytes=${half}-${filmBytes - 1}`, ifRange: '"first"' };
    expect(origin.asked.at(-1)).toMatchObject(last);
    expect(resumed()).toMatchObject([{ cause, offset: half, hostname: expect.any(String) }]);
    expect(JSON.stringify(resumed())).not.toContain('film.mp4');
  });

  test('a part of a film is that part though the agent is killed', async () => {
    const download = await underWay('--range', '1000-6000999');
    await restartAgent();
    const { exitCode, status, body } = await download.done;
    expect([exitCode, status]).toEqual([0, 206]);
    expect(body.equals(origin.film.subarray(1000, 6_001_000))).toBe(true);
    expect(origin.asked.at(-1)?.range).toBe(`bytes=${half + 1000}-6000999`);
  });

  test('a film is whole though the origin drops its connection again and again', async () => {
    const drops = [0, 1, 700_001, 0, 1_300_000, 65_536];
    for (const [at, afterBytes] of drops.entries()) {
      origin.breaks.push({ afterBytes, how: at % 2 === 0 ? 'drop' : 'end' });
    }
    const { exitCode, status, body } = await start().done;
    expect([exitCode, status, body.equals(origin.film)]).toEqual([0, 200, true]);
    expect(origin.asked.length).toBeGreaterThan(drops.length);
  });

  test('a film is whole though its agent is killed twice', async () => {
    const download = await underWay();
    origin.breaks.push({ afterBytes: 1_000_000, how: 'hold' });
    await restartAgent();
    await download.reaches(half + 1_000_000);
    await restartAgent();
    const { exitCode, body } = await download.done;
    expect([exitCode, body.equals(origin.film)]).toEqual([0, true]);
  });

  test('a film is whole though its agent is killed while the player is paused', async () => {
    // More than all buffers on the way take.
    origin.film = contentBytes('film', 0, 8 * filmBytes);
    const player = curl.start(film, version);
    const download = new Download(player);
    await download.reaches(half);
    player.kill('SIGSTOP');
    await restartAgent();
    await restartAgent();
    player.kill('SIGCONT');
    const { exitCode, body } = await download.done;
    expect([exitCode, body.equals(origin.film)]).toEqual([0, true]);
  });

  test('a film comes though its agent was killed before the answer began', async () => {
    origin.breaks.push(holdBeforeHead);
    const download = start();
    await origin.holds();
    await restartAgent();
    expect((await download.done).body.equals(origin.film)).toBe(true);
    expect(origin.asked.map(({ range }) => range)).toEqual([undefined, undefined]);
  });

  test('a film that was replaced ends where it was cut', async () => {
    const download = await underWay();
    origin.replace();
    await restartAgent();
    const { exitCode, body } = await download.done;
    expect([exitCode, body.length]).toEqual([cutCode, half]);
  });

  test.each([
    ['ignores ranges', 'ignores-range'],
    ['sends another range', 'shifted'],
    ['sends a part of the new file', 'tag-of-no-file'],
    ['has a longer file', 'longer'],
    ['refuses the condition', 'refuses-range'],
  ] as const)('a film ends where it was cut when the origin %s', async (_, fault) => {
    const failed = watchLog('response not resumed');
    const download = await underWay();
    origin.fault = fault;
    await restartOrigin();
    const { exitCode, body } = await download.done;
    expect([exitCode, body.length]).toEqual([cutCode, half]);
    expect(body.equals(origin.film.subarray(0, half))).toBe(true);
    expect(failed()).toMatchObject([{ cause: 'origin-closed', offset: half }]);
  });
});

describe('over one HTTP/2 connection', () => {
  let session: ClientHttp2Session;

  beforeAll(() => {
    session = connect(film, {
      ca: readFileSync(deployment.hub.caFile, 'utf8'),
      // Node does not resolve *.localhost (RFC 6761 §6.3).
      lookup: (_name, _options, found) => found(null, [{ address: '127.0.0.1', family: 4 }]),
    });
  });
  afterAll(() => session.destroy());

  interface Got {
    readonly body: Buffer;
    readonly code: number;
  }

  /** `bytes`: told when so many have come. */
  function download(onHalf: () => void): Promise<Got> {
    const stream = session.request({ ':path': '/film.mp4' });
    const pieces: Buffer[] = [];
    let bytes = 0;
    stream.on('data', (piece: Buffer) => {
      pieces.push(piece);
      bytes += piece.length;
      if (bytes === half) onHalf();
    });
    stream.on('error', () => undefined);
    return new Promise((resolve) => {
      stream.once('close', () => {
        resolve({ body: Buffer.concat(pieces), code: stream.rstCode ?? 0 });
      });
    });
  }

  test('a response that cannot go on is reset, and its neighbour goes on', async () => {
    const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    origin.breaks.push(hold);
    const whole = download(first.resolve);
    await first.promise;
    origin.etag = 'W/"weak"';
    origin.breaks.push(hold);
    const cut = download(second.resolve);
    await second.promise;
    origin.etag = '"first"';
    await restartAgent();
    expect((await whole).body.equals(origin.film)).toBe(true);
    const { body, code } = await cut;
    expect([body.length, code]).toEqual([half, constants.NGHTTP2_INTERNAL_ERROR]);
  });
});

test.skipIf(!hasParts('curl'))(
  'a film is whole though the agent is told to stop, and started again',
  async () => {
    origin.breaks.push(hold);
    const download = new Download(curl.start(film));
    await download.reaches(half);
    await deployment.agent.stop();
    deployment.agent.startAgain();
    const { exitCode, body } = await download.done;
    expect([exitCode, body.equals(origin.film)]).toEqual([0, true]);
    await deployment.agent.reachable();
  },
);

test.skipIf(!hasParts('curl'))(
  'an upload whose agent is killed is told at once, and sent once',
  async () => {
    origin.breaks.push(holdBeforeHead);
    const answer = curl.get(film, '--data', 'x=1');
    await origin.holds();
    await killAgent(deployment);
    expect((await answer).status).toBe(502);
    deployment.agent.startAgain();
    await deployment.agent.reachable();
    expect(origin.asked.map(({ method }) => method)).toEqual(['POST']);
  },
);

test.skipIf(!hasParts('curl'))(
  'a visitor waits no longer than HUB_RESUME_TIMEOUT, and the hub counts it',
  async () => {
    const hub = { settings: { HUB_RESUME_TIMEOUT: '1s' } };
    const hasty = await deploy({ originPort: origin.port, hub });
    origin.breaks.push(hold);
    const trusting = new Curl(hasty.hub.caFile);
    const download = new Download(trusting.start(`${hasty.address}/film.mp4`, '--http2'));
    await download.reaches(half);
    await killAgent(hasty);
    const { exitCode, body } = await download.done;
    expect([exitCode, body.length]).toEqual([92, half]);
    await hasty.stop();
    expect(hasty.hub.program.output).toMatch(
      /"resumesStarted":1,"resumesSucceeded":0,.*"timeout":1,.*"hub stopped"/,
    );
  },
);

test.skipIf(!hasParts('curl'))(
  'a hub that stops lets nobody wait for an agent that cannot come to it any more',
  async () => {
    const hub = { settings: { HUB_DRAIN_TIMEOUT: '30s' } };
    const leaving = await deploy({ originPort: origin.port, hub });
    origin.breaks.push(hold);
    const trusting = new Curl(leaving.hub.caFile);
    const download = new Download(trusting.start(`${leaving.address}/film.mp4`));
    await download.reaches(half);
    await killAgent(leaving);
    const stoppedAt = performance.now();
    await leaving.hub.stop();
    const { exitCode, body } = await download.done;
    // The stream is reset, or its connection has gone by then.
    expect([18, 92]).toContain(exitCode);
    expect(body.length).toBe(half);
    expect(performance.now() - stoppedAt).toBeLessThan(10_000);
    expect(leaving.hub.program.output).toContain('"reason":"hub-draining"');
  },
);
