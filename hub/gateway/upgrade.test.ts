import { once } from 'node:events';
import { connect } from 'node:tls';

import { afterEach, beforeEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';

import { hubHost, openAgentsDoor, type AgentsDoor } from '../../test/support/agents-door.ts';

// Rule P1 of PROTOCOL.md, as a hub holds it.

let hub: AgentsDoor;
beforeEach(async () => {
  hub = await openAgentsDoor();
});
afterEach(async () => hub.close());

function address(): object {
  const { authority, port } = hub;
  return { host: '127.0.0.1', port, servername: hubHost, ca: authority.certificate };
}

test('P1: a link is TLS 1.3 or none', async () => {
  const older = connect({ ...address(), maxVersion: 'TLSv1.2' });
  const [refusal] = (await once(older, 'error')) as [NodeJS.ErrnoException];
  expect(refusal.code).toMatch(/PROTOCOL_VERSION|ECONNRESET/);
  const current = connect(address());
  await once(current, 'secureConnect');
  expect(current.getProtocol()).toBe('TLSv1.3');
  current.destroy();
});

test('P1: compression that a dialler offers is not agreed to', async () => {
  const websocket = new WebSocket(`wss://127.0.0.1:${hub.port}/tunnel`, {
    ...address(),
    perMessageDeflate: true,
  });
  await once(websocket, 'open');
  expect(websocket.extensions).toBe('');
  websocket.terminate();
  await once(websocket, 'close');
});

test('P1: a page in a browser opens no link, and is no failure of the house it is read in', async () => {
  const url = `wss://127.0.0.1:${hub.port}/tunnel`;
  const page = { ...address(), origin: 'https://evil.example' };
  for (let dialled = 0; dialled < 30; dialled += 1) {
    const websocket = new WebSocket(url, page).on('error', () => undefined);
    const [, response] = await once(websocket, 'unexpected-response');
    expect(response.statusCode).toBe(403);
    response.resume();
  }
  const agent = new WebSocket(url, address());
  await once(agent, 'open');
  agent.terminate();
});
