import { Buffer } from 'node:buffer';
import { channel } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { connect, type Server } from 'node:net';

import { describe, expect, it } from 'vitest';

import { createLogger } from '../../shared/log.ts';
import { CidrSet, parseNetwork } from '../../shared/net-address.ts';
import { directPeers } from '../../test/support/direct-peers.ts';
import { deadline, readToClose } from '../../test/support/edge.ts';
import { defaultEdgeLimits } from './limits.ts';
import { Peers } from './peers.ts';
import { noProofs, type EdgeProofs } from './proof.ts';
import { RedirectListener } from './redirect.ts';

async function ask(
  request: string,
  httpsPort = 443,
  limits = defaultEdgeLimits,
  proofs: EdgeProofs = noProofs,
): Promise<string> {
  const listener = new RedirectListener({
    peers,
    proofs,
    isKnown: (hostname) => hostname === 'movies.example',
    httpsPort,
    limits,
  });
  const { port } = await listener.listen('127.0.0.1:0');
  try {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect', deadline());
    socket.write(request);
    return await readToClose(socket);
  } finally {
    await listener.close();
  }
}

const request = (line: string, host = 'movies.example') =>
  `${line} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

const challenge = '/.well-known/acme-challenge/DGyRejmCefe7v4NfDGDKfA';

interface Problem {
  readonly status: number;
  readonly code: string;
}

const brokenProofs: EdgeProofs = {
  ...noProofs,
  ofToken: async () => Promise.reject(new Error('database is away')),
};

const peers = directPeers(createLogger({ level: 'silent', name: 'test' }));

describe('port 80', () => {
  it.each([
    ['GET', 443, 'https://movies.example/a?b=c'],
    ['HEAD', 443, 'https://movies.example/a?b=c'],
    ['GET', 8443, 'https://movies.example:8443/a?b=c'],
  ])('sends %s to https on port %i', async (method, port, location) => {
    const answer = await ask(request(`${method} /a?b=c`, 'Movies.Example:80'), port);
    expect(answer).toMatch(/^HTTP\/1\.1 308 /);
    expect(answer).toContain(`location: ${location}\r\n`);
    expect(answer).toMatch(/connection: close/i);
  });

  it.each([
    ['a name it does not know', request('GET /', 'other.example'), 404],
    ['a form', request('POST /login'), 421],
    ['two hosts', 'GET / HTTP/1.1\r\nHost: movies.example\r\nHost: other.example\r\n\r\n', 400],
    ['a host that is none', request('GET /', 'movies.example@other.example'), 400],
    [
      'a line break in the target',
      'GET /\rLocation:x HTTP/1.1\r\nHost: movies.example\r\n\r\n',
      400,
    ],
    ['an absolute target elsewhere', request('GET http://other.example/'), 400],
  ])('redirects nobody for %s', async (_what, bytes, status) => {
    const answer = await ask(bytes);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(answer).not.toMatch(/location/i);
  });

  it.each([
    ['a name it does not know', request('GET /', 'other.example'), '404 tunnel.unknown'],
    ['a form', request('POST /login'), '421 edge.misdirected'],
    [
      'two hosts',
      'GET / HTTP/1.1\r\nHost: movies.example\r\nHost: b\r\n\r\n',
      '400 edge.bad-request',
    ],
    ['a long address', request(`GET /${'x'.repeat(20_000)}`), '414 edge.target-too-long'],
    ['a token it does not know', request(`GET ${challenge}`), '404 edge.challenge'],
    ['what is no HTTP', 'hello there\r\n\r\n', '400 edge.bad-request'],
    [
      'a head without end',
      `GET / HTTP/1.1\r\nA: ${'x'.repeat(40_000)}`,
      '431 edge.fields-too-large',
    ],
  ])('tells a program by a code what is wrong with %s', async (_what, bytes, refusal) => {
    const answer = await ask(bytes);
    expect(answer).toMatch(/content-type: application\/problem\+json\r\n/i);
    const { status, code } = JSON.parse(answer.slice(answer.indexOf('{'))) as Problem;
    expect(`${status} ${code}`).toBe(refusal);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  });

  it('shows a browser a page, and HEAD nothing', async () => {
    const page = await ask('GET / HTTP/1.1\r\nHost: other.example\r\nAccept: text/html\r\n\r\n');
    expect(page).toMatch(/content-type: text\/html[^]*<!doctype html>[^]*tunnel\.unknown/i);
    expect(await ask(request('HEAD /', 'other.example'))).toMatch(/^HTTP\/1\.1 404 [^]*\r\n\r\n$/);
  });

  it.each([
    ['a name that nobody has yet', 'new.example'],
    ['a server’s name', 'movies.example'],
  ])('answers an authority for %s with the proof and nothing else', async (_what, host) => {
    const asked: string[][] = [];
    const ofToken = async (...question: string[]) => {
      asked.push(question);
      return 'token.thumbprint';
    };
    const path = '/.well-known/acme-challenge/DGyRejmCefe7v4NfDGDKfA';
    const answer = await ask(request(`GET ${path}`, host), 443, defaultEdgeLimits, {
      ...noProofs,
      ofToken,
    });
    expect(answer).toMatch(/^HTTP\/1\.1 200 [^]*application\/octet-stream/);
    expect(answer).toMatch(/\r\n\r\n(?:10\r\n)?token\.thumbprint(?:\r\n0\r\n\r\n)?$/);
    expect(asked).toEqual([[host, 'DGyRejmCefe7v4NfDGDKfA']]);
  });

  it('redirects no challenge that is not ours, and says so when it cannot look', async () => {
    const path = request('GET /.well-known/acme-challenge/DGyRejmCefe7v4NfDGDKfA');
    const unknown = await ask(path);
    expect(unknown).toMatch(/^HTTP\/1\.1 404 /);
    expect(unknown).not.toMatch(/location/i);
    expect(await ask(path, 443, defaultEdgeLimits, brokenProofs)).toMatch(/^HTTP\/1\.1 503 /);
  });

  it('answers one question for each connection, however many come in one piece', async () => {
    const asked: string[] = [];
    const ofToken = async (_hostname: string, token: string): Promise<undefined> => {
      asked.push(token);
      await new Promise((resolve) => setTimeout(resolve, 50));
      return undefined;
    };
    const questions = Array.from({ length: 100 }, (_, n) =>
      request(`GET /.well-known/acme-challenge/token-number-${n}-of-many`),
    );
    const answer = await ask(questions.join(''), 443, defaultEdgeLimits, { ...noProofs, ofToken });
    expect(asked).toEqual(['token-number-0-of-many']);
    expect(answer.match(/HTTP\/1\.1 404/g)).toHaveLength(1);
  });

  it('waits for no head longer than its deadline', async () => {
    const limits = { ...defaultEdgeLimits, headTimeoutMs: 100 };
    expect(await ask('GET / HTTP/1.1\r\nHost: mov', 443, limits)).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('takes no more connections together than its limit', async () => {
    const listener = new RedirectListener({
      peers,
      isKnown: () => true,
      httpsPort: 443,
      limits: { ...defaultEdgeLimits, redirectConnections: 1 },
    });
    const { port } = await listener.listen('127.0.0.1:0');
    try {
      await once(connect(port, '127.0.0.1'), 'connect', deadline());
      const second = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' });
      second.on('error', () => {});
      expect(await readToClose(second)).toBe('');
    } finally {
      await listener.close();
    }
  });

  it('goes on when a connection could not be accepted', async () => {
    const listened = channel('tracing:net.server.listen:asyncStart');
    let server: Server | undefined;
    const onListening = (message: unknown): void =>
      void ({ server } = message as { server: Server });
    listened.subscribe(onListening);
    const listener = new RedirectListener({ peers, isKnown: () => true, httpsPort: 443 });
    const { port } = await listener.listen('127.0.0.1:0');
    listened.unsubscribe(onListening);
    try {
      // What node emits when there are no file descriptors left.
      expect(server?.emit('error', new Error('accept EMFILE'))).toBe(true);
      const socket = connect(port, '127.0.0.1');
      socket.write(request('GET /'));
      expect(await readToClose(socket)).toMatch(/^HTTP\/1\.1 308 /);
    } finally {
      await listener.close();
    }
  });

  it('counts by the address that a PROXY header names, which may come with the request', async () => {
    const listener = new RedirectListener({
      peers: new Peers({
        trustedProxies: new CidrSet([parseNetwork('127.0.0.1')]),
        isProxied: true,
        timeoutMs: 5000,
        log: createLogger({ level: 'silent', name: 'test' }),
      }),
      isKnown: () => true,
      httpsPort: 443,
      limits: { ...defaultEdgeLimits, connectionsPerAddress: 1 },
      trustedProxies: new CidrSet([parseNetwork('127.0.0.1')]),
    });
    const { port } = await listener.listen('127.0.0.1:0');
    const knock = (client: string, text: string) => {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => {});
      const header = `0d0a0d0a000d0a515549540a2111000c${client}7f00000100010050`;
      socket.write(Buffer.concat([Buffer.from(header, 'hex'), Buffer.from(text)]));
      return socket;
    };
    const [alice, bob] = ['cb007101', 'cb007102'];
    try {
      const holding = knock(alice, 'GET / HTTP/1.1\r\n');
      await once(holding, 'connect', deadline());
      await expect.poll(() => readToClose(knock(alice, request('GET /')))).toBe('');
      expect(await readToClose(knock(bob, request('GET /')))).toMatch(/^HTTP\/1\.1 308 /);
      holding.destroy();
      await expect
        .poll(() => readToClose(knock(alice, request('GET /'))))
        .toMatch(/^HTTP\/1\.1 308 /);
    } finally {
      await listener.close();
    }
  });

  it('leaves room for others when one address opens all it can', async () => {
    const listener = new RedirectListener({
      peers,
      isKnown: () => true,
      httpsPort: 443,
      limits: { ...defaultEdgeLimits, connectionsPerAddress: 2 },
    });
    const { port } = await listener.listen('127.0.0.1:0');
    try {
      const held = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')];
      await Promise.all(held.map((socket) => once(socket, 'connect', deadline())));
      const third = connect(port, '127.0.0.1');
      third.on('error', () => {});
      expect(await readToClose(third)).toBe('');
      const other = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' });
      other.write(request('GET /'));
      expect(await readToClose(other)).toMatch(/^HTTP\/1\.1 308 /);
    } finally {
      await listener.close();
    }
  });
});
