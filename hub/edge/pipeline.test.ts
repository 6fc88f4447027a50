import { channel } from 'node:diagnostics_channel';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';

import { describe, expect, it } from 'vitest';

import { onlineHostname, readToClose, readUntil, TestEdge } from '../../test/support/edge.ts';
import type { EdgeLimits } from './limits.ts';
import { maxWaiting, Pipeline } from './pipeline.ts';

/** An origin that keeps each answer until the test lets it go, but for those to /now. */
async function holding(limits: Partial<EdgeLimits> = {}) {
  const held = new Map<string, ServerResponse>();
  const asked: string[] = [];
  const edge = await TestEdge.start({
    limits,
    origin: (message, response) => {
      const { url = '' } = message.resume();
      if (url.startsWith('/now')) return void response.end(`answer to ${url}.`);
      asked.push(url);
      return void held.set(url, response);
    },
  });
  const answer = (url: string) => held.get(url)?.end(`answer to ${url}`);
  const breakOff = (url: string) => {
    const response = held.get(url);
    response?.write(`half of ${url}`, () => response.destroy());
  };
  /** Whatever was on its way to the origin before this is there behind it. */
  const settled = async () => {
    expect(await edge.raw(request('GET', '/now', 'Connection: close\r\n'))).toMatch(
      /answer to \/now\./,
    );
  };
  return { edge, asked, answer, breakOff, settled };
}

function request(method: string, path: string, more = ''): string {
  return `${method} ${path} HTTP/1.1\r\nHost: ${onlineHostname}\r\n${more}\r\n`;
}

const long = `X-Long: ${'x'.repeat(9001)}\r\n`;

/** The paths of the long requests whose heads node:http has read, until it is disposed of. */
function readFromVisitors() {
  const paths = new Set<string>();
  const onRequest = (message: unknown): void => {
    const { headers, socket, url = '' } = (message as { request: IncomingMessage }).request;
    if (headers['x-long'] !== undefined && 'encrypted' in socket) paths.add(url);
  };
  const started = channel('http.server.request.start');
  started.subscribe(onRequest);
  return { paths, [Symbol.dispose]: () => started.unsubscribe(onRequest) };
}

const answersIn = (text: string) => text.match(/answer to \/\d+/g);

describe('pipelined requests', () => {
  it('reach the origin one by one where they are not safe', async () => {
    const { edge, asked, answer, settled } = await holding();
    await using _edge = edge;
    const socket = await edge.connect();
    const body = 'Content-Length: 5\r\n';
    socket.write(
      `${request('POST', '/1', body)}hello${request('DELETE', '/2')}${request('GET', '/3')}`,
    );
    for (const order of [['/1'], ['/1', '/2'], ['/1', '/2', '/3']]) {
      await expect.poll(() => asked).toEqual(order);
      await settled();
      expect(asked).toEqual(order);
      answer(order.at(-1) ?? '');
    }
    expect(answersIn(await readUntil(socket, /to \/3/))).toEqual(['/1', '/2', '/3'].map(answerTo));
    socket.destroy();
  });

  it('that change something wait for those that only read, which run side by side', async () => {
    const { edge, asked, answer, settled } = await holding();
    await using _edge = edge;
    const socket = await edge.connect();
    const [head, more] = ['Content-Length: 5\r\n', request('GET', '/4') + request('HEAD', '/5')];
    socket.write(
      `${request('GET', '/1') + request('GET', '/2') + request('PUT', '/3', head)}hello${more}`,
    );
    await expect.poll(() => asked.toSorted()).toEqual(['/1', '/2']);
    answer('/2');
    await settled();
    expect(asked).toHaveLength(2);
    answer('/1');
    await expect.poll(() => asked.slice(2)).toEqual(['/3']);
    await settled();
    expect(asked).toHaveLength(3);
    answer('/3');
    await expect.poll(() => asked.slice(3).toSorted()).toEqual(['/4', '/5']);
    socket.destroy();
  });

  it('end with the connection where an answer broke before its turn, and nothing behind it is begun', async () => {
    const { edge, asked, answer, breakOff, settled } = await holding();
    await using _edge = edge;
    const socket = await edge.connect();
    socket.write(request('GET', '/1') + request('GET', '/2') + request('DELETE', '/3'));
    await expect.poll(() => asked.toSorted()).toEqual(['/1', '/2']);
    breakOff('/2');
    await settled();
    answer('/1');
    const text = await readToClose(socket);
    expect(text).toContain('answer to /1');
    expect(text).not.toContain('half');
    await settled();
    expect(asked).toHaveLength(2);
    await expect.poll(() => edge.admission.counted.addresses).toBe(0);
  });

  it('are forgotten with their connection while they wait', async () => {
    const { edge, asked, settled } = await holding();
    await using _edge = edge;
    const socket = await edge.connect();
    socket.write(`${request('DELETE', '/1')}${request('POST', '/2', 'Content-Length: 9\r\n')}half`);
    await expect.poll(() => asked).toEqual(['/1']);
    socket.destroy();
    await expect.poll(() => edge.resets).toEqual(['cancelled']);
    await settled();
    expect(asked).toEqual(['/1']);
    await expect
      .poll(() => edge.admission.counted)
      .toMatchObject({ addresses: 0, busyTunnels: 0, busyVisitors: 0 });
  });

  it('are all answered in a drain, and the last answer says that it is the last', async () => {
    const { edge, asked, answer } = await holding();
    await using _edge = edge;
    const socket = await edge.connect();
    socket.write(request('DELETE', '/1') + request('DELETE', '/2') + request('GET', '/3'));
    await expect.poll(() => asked).toEqual(['/1']);
    const closing = edge.listener.close(10_000);
    for (const order of [['/1'], ['/1', '/2'], ['/1', '/2', '/3']]) {
      await expect.poll(() => asked).toEqual(order);
      answer(order.at(-1) ?? '');
    }
    const answers = await readToClose(socket);
    expect(answersIn(answers)).toEqual(['/1', '/2', '/3'].map(answerTo));
    expect(answers.match(/connection: close/gi)).toHaveLength(1);
    await closing;
  });

  it('are not begun behind an answer that ends the connection', async () => {
    const { edge, asked, settled } = await holding();
    await using _edge = edge;
    const misdirected = request('POST', '/1').replace(onlineHostname, 'other.example');
    const answers = await edge.raw(misdirected + request('DELETE', '/2'));
    expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 421']);
    await settled();
    expect(asked).toEqual([]);
  });

  it('for a tunnel get no answer that belongs to one before them', async () => {
    const { edge } = await holding();
    await using _edge = edge;
    const connect = request('CONNECT', `${onlineHostname}:443`);
    expect(await edge.raw(request('GET', '/1') + connect)).toBe('');
  });

  it('are read on only as far as may wait, and are answered for all that', async () => {
    const { edge, asked, answer } = await holding({ headTimeoutMs: 200 });
    await using _edge = edge;
    using read = readFromVisitors();
    const socket = await edge.connect();
    const paths = Array.from({ length: 5 * maxWaiting }, (_, n) => `/now/${n}`);
    socket.write(
      request('DELETE', '/1') + paths.map((path) => request('GET', path, long)).join(''),
    );
    await expect.poll(() => asked).toEqual(['/1']);
    // Both are cut because a head is late: so would be the one that nobody reads.
    for (let n = 0; n < 2; n += 1) expect(await edge.raw('GET / HT')).toMatch(/^HTTP\/1\.1 408/);
    expect(read.paths.size).toBeLessThan(2 * maxWaiting);
    answer('/1');
    const answers = await readUntil(socket, new RegExp(`to ${paths.at(-1)}\\.`));
    expect(answers.match(/HTTP\/1\.1 200/g)).toHaveLength(paths.length + 1);
    expect(read.paths.size).toBe(paths.length);
    socket.destroy();
  });

  it('behind a refusal that waits for its turn are read on only so far, too', async () => {
    const { edge, asked, settled } = await holding();
    await using _edge = edge;
    using read = readFromVisitors();
    const socket = await edge.connect();
    const unclear = request('GET', '/2', 'Host: other.example\r\n');
    const more = Array.from({ length: 20 * maxWaiting }, (_, n) => request('GET', `/${n}`, long));
    socket.write(request('GET', '/1') + unclear + more.join(''));
    await expect.poll(() => asked).toEqual(['/1']);
    await expect.poll(() => read.paths.size).toBeGreaterThanOrEqual(maxWaiting);
    for (let n = 0; n < 5; n += 1) await settled();
    expect(read.paths.size).toBeLessThan(2 * maxWaiting);
    expect(asked).toEqual(['/1']);
    socket.destroy();
  });
});

describe('a pipeline', () => {
  it('stays paused, whoever resumes its connection, until fewer wait', async () => {
    const socket = new PassThrough();
    const pipeline = new Pipeline(socket);
    let served = 0;
    for (let n = 0; n <= maxWaiting; n += 1) pipeline.enter('POST', () => (served += 1));
    expect([served, pipeline.isPaused]).toEqual([1, true]);
    const resumed = new Promise((resolve) => {
      socket.once('resume', resolve);
    });
    socket.resume();
    await resumed;
    expect(socket.isPaused()).toBe(true);
    pipeline.leave();
    expect([served, pipeline.isPaused, socket.isPaused()]).toEqual([2, false, false]);
  });

  it('counts those that it ignores', () => {
    const socket = new PassThrough();
    const pipeline = new Pipeline(socket);
    pipeline.close();
    for (let n = 0; n < maxWaiting; n += 1) pipeline.ignore();
    expect(socket.isPaused()).toBe(true);
  });
});

function answerTo(path: string): string {
  return `answer to ${path}`;
}
