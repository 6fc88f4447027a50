import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect as connectTcp, type Socket } from 'node:net';
import { duplexPair, type Duplex } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';

import { describe } from 'vitest';

import type { HubConfig } from '../../hub/config.ts';
import { Peers } from '../../hub/edge/peers.ts';
import { RedirectListener } from '../../hub/edge/redirect.ts';
import { createLogger } from '../../shared/log.ts';
import { CidrSet } from '../../shared/net-address.ts';
import { onlineHostname, TestEdge } from '../support/edge.ts';
import { testBehaviours, type Behaviour } from './behaviour.ts';

/** What a limit of a fifth of this has ended is gone by then, on a busy machine too; usual limits are longer. */
const patienceMs = 1500;

async function edgeOf(
  { edgeLimits: limits }: HubConfig,
  origin?: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<TestEdge> {
  return TestEdge.start({ limits, ...(origin === undefined ? {} : { origin }) });
}

/** Whether the other side closes it before long. */
async function closes(socket: Duplex, ms = patienceMs): Promise<boolean> {
  socket.on('error', () => undefined).resume();
  const closed = socket.destroyed || once(socket, 'close').then(() => true);
  return Promise.race([closed, wait(ms, false)]);
}

async function tcp({ port }: { port: number }): Promise<Socket> {
  const socket = connectTcp(port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

const get = (path: string, fields = ''): string =>
  `GET ${path} HTTP/1.1\r\nHost: ${onlineHostname}\r\n${fields}Connection: close\r\n\r\n`;

/** The status of an answer to one request on a connection of its own. */
async function statusOf(edge: TestEdge, request: string): Promise<string> {
  return (await edge.raw(request)).split(' ')[1] ?? 'none';
}

const handshakes: readonly Behaviour[] = [
  {
    name: 'HUB_LIMIT_HELLO_TIMEOUT',
    value: '200ms',
    usual: false,
    changed: true,
    async look(config) {
      await using edge = await edgeOf(config);
      return await closes(await tcp(edge));
    },
  },
  {
    name: 'HUB_LIMIT_HANDSHAKE_TIMEOUT',
    value: '200ms',
    usual: false,
    changed: true,
    async look(config) {
      await using edge = await edgeOf(config);
      const [near, far] = duplexPair();
      const socket = await tcp(edge);
      far.once('data', (hello: Buffer) => socket.write(hello));
      edge.connecting({ socket: near });
      return await closes(socket);
    },
  },
  {
    name: 'HUB_LIMIT_CONNECTIONS_PER_ADDRESS',
    value: '1',
    usual: 'taken',
    changed: 'refused',
    async look(config) {
      await using edge = await edgeOf(config);
      await edge.connect();
      return await edge.connect().then(
        () => 'taken',
        () => 'refused',
      );
    },
  },
  {
    name: 'HUB_LIMIT_REDIRECT_CONNECTIONS',
    value: '1',
    usual: false,
    changed: true,
    async look({ edgeLimits: limits }) {
      const log = createLogger({ level: 'silent', name: 'test' });
      const trust = { trustedProxies: new CidrSet([]), isProxied: false };
      const peers = new Peers({ ...trust, timeoutMs: 5000, log });
      const listener = new RedirectListener({ peers, isKnown: () => true, httpsPort: 443, limits });
      const { port } = await listener.listen('127.0.0.1:0');
      try {
        await tcp({ port });
        return await closes(connectTcp({ port, host: '127.0.0.1', localAddress: '127.0.0.2' }));
      } finally {
        await listener.close();
      }
    },
  },
];

const heads: readonly Behaviour[] = [
  {
    name: 'HUB_LIMIT_HEAD_TIMEOUT',
    value: '200ms',
    usual: false,
    changed: true,
    async look(config) {
      await using edge = await edgeOf(config);
      const socket = await edge.connect();
      socket.write('GET / HT');
      return await closes(socket);
    },
  },
  {
    name: 'HUB_LIMIT_HEAD_SIZE',
    value: '4KiB',
    usual: '200',
    changed: '431',
    async look(config) {
      await using edge = await edgeOf(config);
      return await statusOf(edge, get('/', `X-Long: ${'x'.repeat(8000)}\r\n`));
    },
  },
  {
    name: 'HUB_LIMIT_TARGET_SIZE',
    value: '1KiB',
    usual: '200',
    changed: '414',
    async look(config) {
      await using edge = await edgeOf(config);
      return await statusOf(edge, get(`/${'x'.repeat(2000)}`));
    },
  },
  {
    name: 'HUB_LIMIT_FIELDS',
    value: '20',
    usual: '200',
    changed: '431',
    async look(config) {
      await using edge = await edgeOf(config);
      return await statusOf(edge, get('/', 'X-One: 1\r\n'.repeat(30)));
    },
  },
  {
    name: 'HUB_LIMIT_KEEP_ALIVE',
    value: '1s',
    usual: false,
    changed: true,
    async look(config) {
      await using edge = await edgeOf(config);
      const socket = await edge.connect();
      socket.write(`GET / HTTP/1.1\r\nHost: ${onlineHostname}\r\n\r\n`);
      await once(socket, 'data');
      return await closes(socket, 4000);
    },
  },
];

/** The status of a second request while the first one has no answer yet. */
async function besideOne(config: HubConfig): Promise<string> {
  const asked = Promise.withResolvers<void>();
  await using edge = await edgeOf(config, ({ url }, response) => {
    if (url === '/first') asked.resolve();
    else response.end();
  });
  const first = await edge.connect();
  first.write(get('/first'));
  await asked.promise;
  return await statusOf(edge, get('/second'));
}

/** Whether an upload of known length is ended that brings a byte at a time, where silence of half a second would end it. */
async function slowUpload({ edgeLimits }: HubConfig): Promise<boolean> {
  const forwarding = { idleTimeoutMs: 500, slowBodyBytes: edgeLimits.slowBodyBytes };
  await using edge = await TestEdge.start({ forwarding, origin: (request) => request.resume() });
  const socket = await edge.connect();
  const head = `POST / HTTP/1.1\r\nHost: ${onlineHostname}\r\nContent-Length: 100000\r\n\r\n`;
  socket.write(head);
  const writing = setInterval(() => socket.write('x'), 50);
  try {
    const answered = once(socket, 'data').then(() => true);
    return await Promise.race([answered, wait(2500, false)]);
  } finally {
    clearInterval(writing);
  }
}

const exchanges: readonly Behaviour[] = [
  ...[
    'HUB_LIMIT_CONNECTIONS_PER_TUNNEL',
    'HUB_LIMIT_STREAMS_PER_TUNNEL',
    'HUB_LIMIT_STREAMS_PER_VISITOR',
  ].map((name) => ({ name, value: '1', usual: '200', changed: '503', look: besideOne })),
  {
    name: 'HUB_LIMIT_SLOW_BODY',
    value: '1',
    usual: true,
    changed: false,
    look: slowUpload,
  },
];

/** An HTTP/2 frame by hand (RFC 9113 §4.1). */
function frame(type: number, flags: number, streamId: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

/** GET / by the static table, and :authority as a literal (RFC 7541). */
const headBlock = Buffer.concat([
  Buffer.from('82878441', 'hex'),
  Buffer.from([onlineHostname.length]),
  Buffer.from(onlineHostname),
]);

/** Whether a client that abandons so many streams, rests and abandons as many again is sent away. */
async function resets(config: HubConfig, times: number, restMs: number): Promise<boolean> {
  await using edge = await edgeOf(config);
  const socket = await edge.connect({ ALPNProtocols: ['h2'] });
  socket.write(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'));
  socket.write(frame(4, 0, 0, Buffer.alloc(0)));
  let id = 1;
  for (const rest of [restMs, 0]) {
    for (let count = 0; count < times; count++, id += 2)
      socket.write(
        Buffer.concat([frame(1, 0x5, id, headBlock), frame(3, 0, id, Buffer.from([0, 0, 0, 8]))]),
      );
    await wait(rest);
  }
  return await closes(socket);
}

/** How many of sixty answers begin of which the visitor reads nothing. */
async function begunAnswers(config: HubConfig): Promise<number> {
  await using edge = await edgeOf(config, (_request, response) => {
    response.on('error', () => undefined);
    for (let piece = 0; piece < 8; piece++) response.write(Buffer.alloc(65_536));
  });
  const session = await edge.http2();
  session.settings({ initialWindowSize: 0 });
  await once(session, 'localSettings');
  let begun = 0;
  for (let count = 0; count < 60; count++) {
    const stream = session.request({ ':authority': onlineHostname });
    const ended = Promise.race([
      once(stream, 'response').then(() => true),
      once(stream, 'close').then(() => false),
      wait(patienceMs, false),
    ]).catch(() => false);
    stream.on('error', () => undefined);
    if (!(await ended)) break;
    begun += 1;
  }
  session.destroy();
  return begun;
}

const http2: readonly Behaviour[] = [
  {
    name: 'HUB_LIMIT_H2_STREAMS',
    value: '7',
    usual: 100,
    changed: 7,
    async look(config) {
      await using edge = await edgeOf(config);
      return (await settingsOf(edge)).maxConcurrentStreams;
    },
  },
  {
    name: 'HUB_LIMIT_H2_STREAM_WINDOW',
    value: '1MiB',
    usual: 262_144,
    changed: 1_048_576,
    async look(config) {
      await using edge = await edgeOf(config);
      return (await settingsOf(edge)).initialWindowSize;
    },
  },
  {
    name: 'HUB_LIMIT_H2_SESSION_WINDOW',
    value: '4MiB',
    usual: 1_048_576,
    changed: 4_194_304,
    async look(config) {
      await using edge = await edgeOf(config);
      const session = await edge.http2();
      const stream = session.request({ ':authority': onlineHostname });
      await once(stream.resume(), 'close');
      return session.state.remoteWindowSize;
    },
  },
  {
    name: 'HUB_LIMIT_H2_SESSION_MEMORY',
    value: '1MiB',
    usual: 60,
    changed: 'fewer',
    async look(config) {
      const begun = await begunAnswers(config);
      return begun < 60 && begun > 0 ? 'fewer' : begun;
    },
  },
  {
    name: 'HUB_LIMIT_H2_RESET_BURST',
    value: '20',
    usual: false,
    changed: true,
    look: async (config) => resets(config, 30, 0),
  },
  {
    name: 'HUB_LIMIT_H2_RESETS_PER_SECOND',
    value: '1000',
    beside: { HUB_LIMIT_H2_RESET_BURST: '30' },
    usual: true,
    changed: false,
    // Whole seconds are counted.
    look: async (config) => resets(config, 28, 1500),
  },
  {
    name: 'HUB_LIMIT_H2_PING',
    value: '1s',
    usual: false,
    changed: true,
    async look(config) {
      await using edge = await edgeOf(config);
      const session = await edge.http2();
      await once(session.request({ ':authority': onlineHostname }).resume(), 'close');
      return await Promise.race([once(session, 'ping').then(() => true), wait(3000, false)]);
    },
  },
  {
    name: 'HUB_LIMIT_H2_IDLE',
    value: '1s',
    beside: { HUB_LIMIT_H2_PING: '1s' },
    usual: false,
    changed: true,
    async look(config) {
      await using edge = await edgeOf(config);
      const session = await edge.http2();
      await once(session.request({ ':authority': onlineHostname }).resume(), 'close');
      return await Promise.race([once(session, 'goaway').then(() => true), wait(4000, false)]);
    },
  },
];

async function settingsOf(edge: TestEdge) {
  const session = await edge.http2();
  if (session.pendingSettingsAck || session.remoteSettings.initialWindowSize === 65_535)
    await Promise.race([once(session, 'remoteSettings'), wait(patienceMs)]);
  return session.remoteSettings;
}

describe.concurrent('handshakes', () => {
  testBehaviours(handshakes);
});
describe.concurrent('the heads of requests', () => {
  testBehaviours(heads);
});
describe.concurrent('exchanges', () => {
  testBehaviours(exchanges);
});
describe.concurrent('HTTP/2', () => {
  testBehaviours(http2);
});
