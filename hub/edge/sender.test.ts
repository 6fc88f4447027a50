import { describe, expect, test } from 'vitest';

import { exchange, hubHostname, TestEdge } from '../../test/support/edge.ts';
import type { Sender } from './front-options.ts';

const forwardedFor = '203.0.113.9, 192.0.2.7';

async function withHub(
  trustedProxies: string[],
  ask: (edge: TestEdge) => Promise<unknown>,
): Promise<Omit<Sender, 'keepOpen'>[]> {
  const senders: Omit<Sender, 'keepOpen'>[] = [];
  await using edge = await TestEdge.start({
    trustedProxies,
    hub: {
      onRequest: (_request, response, { address, peer }) => {
        senders.push({ address, peer });
        response.end('the hub');
      },
    },
  });
  await ask(edge);
  return senders;
}

const ways = {
  'HTTP/1.1': async (edge: TestEdge, field: string) =>
    edge.raw(
      `GET / HTTP/1.1\r\nHost: ${hubHostname}\r\nX-Forwarded-For: ${field}\r\nConnection: close\r\n\r\n`,
      { servername: hubHostname },
    ),
  'HTTP/2': async (edge: TestEdge, field: string) => {
    const session = await edge.http2(hubHostname);
    await exchange(session, { ':authority': hubHostname, 'x-forwarded-for': field });
    session.destroy();
  },
};

describe.each(Object.entries(ways))('over %s the hub is told', (_, ask) => {
  test('the address of the connection, whatever the client writes of itself', async () => {
    const [sender] = await withHub([], (edge) => ask(edge, forwardedFor));
    expect(sender).toEqual({ address: '127.0.0.1', peer: '127.0.0.1' });
  });

  test('whom a trusted proxy brings', async () => {
    const [sender] = await withHub(['127.0.0.1'], (edge) => ask(edge, forwardedFor));
    expect(sender).toEqual({ address: '192.0.2.7', peer: '127.0.0.1' });
  });

  test('that nobody knows, where a trusted proxy is not clear', async () => {
    const [sender] = await withHub(['127.0.0.1'], (edge) => ask(edge, '192.0.2.7, unknown'));
    expect(sender).toEqual({ address: undefined, peer: '127.0.0.1' });
  });
});
