import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';

import { afterEach, expect, test } from 'vitest';

import { issueAuthority, issueLeaf } from '../hub/certificates/issuance.ts';
import { hubHost } from '../test/support/agents-door.ts';
import {
  atTheEnd,
  door,
  movies,
  online,
  run,
  stopEverything,
} from '../test/support/running-agent.ts';
import { identityPath } from './credentials.ts';

afterEach(stopEverything);

test('P1: the agent dials /tunnel over TLS 1.3, and offers no compression', async () => {
  const authority = await issueAuthority(['localhost'], new Date());
  const hub = await door({ authority });
  const enrolled = run({ hubUrl: hub.hubUrl, token: await hub.token() });
  await online(hub, movies);
  await enrolled.stop();

  const leaf = await issueLeaf(authority, [hubHost], new Date());
  const listener = createServer({ cert: leaf.certificate, key: leaf.key });
  await once(listener.listen(0, '127.0.0.1'), 'listening');
  atTheEnd(() => listener.close());
  const { port } = listener.address() as AddressInfo;
  const path = identityPath(enrolled.folder);
  const identity = JSON.parse(await readFile(path, 'utf8')) as object;
  const elsewhere = { ...identity, tunnel_urls: [`wss://${hubHost}:${port}/tunnel`] };
  await writeFile(path, JSON.stringify(elsewhere), { mode: 0o600 });

  const dialled = once(listener, 'upgrade');
  run({ hubUrl: hub.hubUrl, folder: enrolled.folder });
  const [request, socket] = (await dialled) as [IncomingMessage, TLSSocket];
  expect([request.url, socket.getProtocol()]).toEqual(['/tunnel', 'TLSv1.3']);
  expect(request.headers['sec-websocket-extensions']).toBeUndefined();
  socket.destroy();
});
