import { once } from 'node:events';
import { constants, type ClientHttp2Session } from 'node:http2';

import { describe, expect, it } from 'vitest';

import {
  deadline,
  exchange,
  onlineHostname,
  readToClose,
  readUntil,
  TestEdge,
} from '../../test/support/edge.ts';
import { defaultSwitches } from '../tunnels/server.ts';

const get = `GET / HTTP/1.1\r\nHost: ${onlineHostname}\r\n\r\n`;

async function edgeWith(switches: Partial<typeof defaultSwitches>): Promise<TestEdge> {
  const edge = await TestEdge.start();
  edge.switches = { ...defaultSwitches, ...switches };
  return edge;
}

async function failure(
  edge: TestEdge,
  options: Parameters<TestEdge['connecting']>[0],
): Promise<string | undefined> {
  const socket = edge.connecting(options);
  const [error] = (await once(socket, 'error', deadline())) as [NodeJS.ErrnoException];
  return error.code;
}

async function codeOf(session: ClientHttp2Session): Promise<string> {
  const { headers, body } = await exchange(session, {});
  return `${String(headers[':status'])} ${(JSON.parse(body) as { code?: string }).code ?? ''}`;
}

describe('a server without HTTP/2', () => {
  it('is not offered it, though the visitor would like it', async () => {
    await using edge = await edgeWith({ http2: false });
    const socket = await edge.connect({ ALPNProtocols: ['h2', 'http/1.1'] });
    expect(socket.alpnProtocol).toBe('http/1.1');
    socket.write(get);
    expect(await readUntil(socket, /\r\n\r\n/)).toMatch(/^HTTP\/1\.1 200 /);
    socket.destroy();
  });

  it('has nothing for a visitor who speaks only that', async () => {
    await using edge = await edgeWith({ http2: false });
    expect(await failure(edge, { ALPNProtocols: ['h2'] })).toBe(
      'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL',
    );
  });

  it('sends a connection of before away, which ends with that', async () => {
    await using edge = await TestEdge.start();
    const session = await edge.http2();
    expect((await exchange(session, {})).headers[':status']).toBe(200);
    edge.switches = { ...defaultSwitches, http2: false };
    const leaving = once(session, 'goaway', deadline()) as Promise<[number]>;
    expect(await codeOf(session)).toBe('421 edge.misdirected');
    expect((await leaving)[0]).toBe(constants.NGHTTP2_NO_ERROR);
  });

  it('sends a connection for another name away, which goes on for that name', async () => {
    await using edge = await TestEdge.start();
    const session = await edge.http2('asleep.phlix.example');
    edge.switches = { ...defaultSwitches, http2: false };
    expect(await codeOf(session)).toBe('421 edge.misdirected');
    expect(await codeOf(session)).toBe('421 edge.misdirected');
    expect([session.closed, session.destroyed]).toEqual([false, false]);
    edge.switches = defaultSwitches;
    expect((await exchange(session, {})).headers[':status']).toBe(200);
    session.destroy();
  });
});

describe('a server from TLS 1.3 on', () => {
  it('greets older visitors with alert 70, and newer ones as usual', async () => {
    await using edge = await edgeWith({ minTls: '1.3' });
    expect(await failure(edge, { maxVersion: 'TLSv1.2' })).toBe(
      'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
    );
    expect((await edge.connect()).getProtocol()).toBe('TLSv1.3');
  });

  it('leaves names that are no server’s, such as the hub’s, as they were', async () => {
    await using edge = await edgeWith({ minTls: '1.3', http2: false });
    const socket = await edge.connect({
      servername: 'nobody.phlix.example',
      maxVersion: 'TLSv1.2',
      ALPNProtocols: ['h2'],
    });
    expect([socket.getProtocol(), socket.alpnProtocol]).toEqual(['TLSv1.2', 'h2']);
  });

  it('sends an older connection of before away, and closes it behind the answer', async () => {
    await using edge = await TestEdge.start();
    const socket = await edge.connect({ maxVersion: 'TLSv1.2' });
    edge.switches = { ...defaultSwitches, minTls: '1.3' };
    socket.write(get);
    const answer = await readToClose(socket);
    expect(answer).toMatch(/^HTTP\/1\.1 421 /);
    expect(answer).toContain('"code":"edge.misdirected"');
  });

  it('sends an older HTTP/2 connection for another name away', async () => {
    await using edge = await TestEdge.start();
    edge.switches = { ...defaultSwitches, minTls: '1.3' };
    const session = await edge.http2Over({ maxVersion: 'TLSv1.2', servername: 'x.phlix.example' });
    expect(await codeOf(session)).toBe('421 edge.misdirected');
    session.destroy();
  });
});
