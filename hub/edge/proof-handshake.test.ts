import { once } from 'node:events';
import { createSecureContext } from 'node:tls';

import { describe, expect, it } from 'vitest';

import { deadline, exchange, onlineHostname, TestEdge } from '../../test/support/edge.ts';
import { selfSigned } from '../../test/support/self-signed.ts';
import { noProofs, type EdgeProofs } from './proof.ts';

const offer = { ALPNProtocols: ['acme-tls/1'] };
/** A name that the edge has no certificate for: its first one is what is being proved. */
const newHostname = 'new.example';

const brokenProofs: EdgeProofs = {
  ...noProofs,
  ofName: async () => Promise.reject(new Error('database is away')),
};
const silentProofs: EdgeProofs = { ...noProofs, ofName: async () => new Promise(() => undefined) };

async function proofsOf(name: string): Promise<EdgeProofs> {
  const context = createSecureContext(await selfSigned(name));
  return { ...noProofs, ofName: async (asked) => (asked === name ? context : undefined) };
}

async function refusal(edge: TestEdge, servername: string, offered = offer): Promise<string> {
  const socket = edge.connecting({ servername, ...offered });
  const [error] = (await once(socket, 'error', deadline())) as [NodeJS.ErrnoException];
  return error.code ?? error.message;
}

describe('acme-tls/1', () => {
  it.each([
    ['TLSv1.2', newHostname],
    ['TLSv1.3', newHostname.toUpperCase()],
  ] as const)(
    'over %s shows the proof of an open challenge, and is closed',
    async (version, name) => {
      await using edge = await TestEdge.start({ proofs: await proofsOf(newHostname) });
      const socket = await edge.connect({ servername: name, ...offer, maxVersion: version });
      expect(socket.alpnProtocol).toBe('acme-tls/1');
      expect(socket.getPeerCertificate().subjectaltname).toBe(`DNS:${newHostname}`);
      socket.resume();
      await once(socket, 'close', deadline());
    },
  );

  it('reaches no tenant, whatever is sent on it', async () => {
    const seen: string[] = [];
    await using edge = await TestEdge.start({
      proofs: await proofsOf(onlineHostname),
      origin: (request, response) => {
        seen.push(request.url ?? '');
        response.end();
      },
    });
    const socket = await edge.connect(offer);
    socket.write(`GET / HTTP/1.1\r\nHost: ${onlineHostname}\r\n\r\n`);
    socket.resume();
    await once(socket, 'close', deadline());
    expect([seen, edge.streams.size]).toEqual([[], 0]);
  });

  it.each([
    ['a server’s name without a challenge', onlineHostname],
    ['a name that nobody has', 'other.example'],
    ['no name', ''],
  ])('for %s is refused with alert 120', async (_what, servername) => {
    await using edge = await TestEdge.start({ proofs: await proofsOf(newHostname) });
    expect(await refusal(edge, servername)).toBe('ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL');
  });

  it('is refused while the challenges cannot be read', async () => {
    await using edge = await TestEdge.start({ proofs: brokenProofs });
    expect(await refusal(edge, newHostname)).toBe('ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL');
  });

  it('beside other protocols is not what is spoken', async () => {
    await using edge = await TestEdge.start({ proofs: await proofsOf(onlineHostname) });
    const socket = await edge.connect({ ALPNProtocols: ['acme-tls/1', 'http/1.1'] });
    expect(socket.alpnProtocol).toBe('http/1.1');
    expect(socket.getPeerCertificate().subjectaltname).toBe('DNS:*.phlix.example');
  });

  it('is not waited for longer than any handshake', async () => {
    await using edge = await TestEdge.start({
      proofs: silentProofs,
      limits: { handshakeTimeoutMs: 50 },
    });
    expect(await refusal(edge, newHostname)).toBe('ECONNRESET');
  });
});

describe('a challenge path on 443', () => {
  it.each(['http/1.1', 'h2'])('over %s ends at the edge with 404', async (protocol) => {
    const seen: string[] = [];
    await using edge = await TestEdge.start({
      origin: (request, response) => {
        seen.push(request.url ?? '');
        response.end('tenant');
      },
    });
    const path = '/.well-known/acme-challenge/DGyRejmCefe7v4NfDGDKfA';
    const answer =
      protocol === 'h2'
        ? await askHttp2(edge, path)
        : await edge.raw(
            `GET ${path} HTTP/1.1\r\nHost: ${onlineHostname}\r\nConnection: close\r\n\r\n`,
          );
    expect(answer).toMatch(/404[^]*"code":"edge.challenge"/);
    expect(seen).toEqual([]);
  });
});

async function askHttp2(edge: TestEdge, path: string): Promise<string> {
  const session = await edge.http2();
  const { headers, body } = await exchange(session, { ':path': path });
  session.destroy();
  return `${String(headers[':status'])} ${body}`;
}
