import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { identityPath, openStateFolder, readIdentity } from '../../../agent/credentials.ts';
import { openAgentsDoor, type AgentsDoor } from '../../support/agents-door.ts';
import { attacks } from '../../support/evil-agent/attacks.ts';
import {
  enrolEvil,
  EvilLink,
  type EvilIdentity,
  type Place,
} from '../../support/evil-agent/evil-link.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

let door: AgentsDoor;
let place: Place;

beforeEach(async () => {
  door = await openAgentsDoor();
  place = { https: door.port, tunnel: door.port, ca: door.authority.certificate };
});

afterEach(() => door.close());

async function enrolled(name: string): Promise<EvilIdentity> {
  return enrolEvil(place, await door.token(), name);
}

/** GOAWAY codes of PROTOCOL.md, rule P52. */
const [protocolError, revoked, unauthorised] = [1, 3, 4];

test('frp’s shared token: the key of one agent is no key of another, and one is revoked alone', async () => {
  const [alice, bob] = [await enrolled('alice'), await enrolled('bob')];
  const posing = await EvilLink.dial(place, bob, { agentId: alice.agentId });
  expect((await posing.ended).code).toBe(unauthorised);
  const [serverId = ''] = [...door.stores.byId.values()].flatMap(({ id, agentId }) =>
    agentId === alice.agentId ? [id] : [],
  );
  await door.stores.servers.revoke(serverId);
  const refused = await EvilLink.dial(place, alice);
  expect((await refused.ended).code).toBe(revoked);
  const link = await EvilLink.dial(place, bob);
  expect(link.isOpen).toBe(true);
  link.websocket.terminate();
});

test('GHSA-24fp-5v3p-rvpw (chisel): what was allowed at the handshake ends with the permission', async () => {
  const alice = await enrolled('alice');
  const link = await EvilLink.dial(place, alice);
  const [serverId = ''] = door.stores.byId.keys();
  await door.stores.servers.revoke(serverId);
  expect((await link.ended).code).toBe(revoked);
});

test('GHSA-24fp-5v3p-rvpw (chisel): no channel is opened that nobody looked at', async () => {
  const link = await EvilLink.dial(place, await enrolled('alice'));
  await attacks['opens-streams']?.(link);
  expect((await link.ended).code).toBe(protocolError);
});

test('CVE-2024-37890 (ws): an upgrade with more fields than ws takes harms nobody', async () => {
  const alice = await enrolled('alice');
  for (const count of [101, 1500, 3000]) {
    const headers = Object.fromEntries(Array.from({ length: count }, (_, i) => [`x${i}`, '1']));
    const asked = request({
      host: '127.0.0.1',
      port: door.port,
      servername: 'hub.localhost',
      ca: place.ca,
      path: '/tunnel',
      headers: {
        ...headers,
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
      },
    });
    asked.end();
    await Promise.race(['response', 'upgrade', 'close'].map((event) => once(asked, event))).catch(
      () => undefined,
    );
    asked.destroy();
  }
  const link = await EvilLink.dial(place, alice);
  expect(link.isOpen).toBe(true);
  link.websocket.terminate();
});

test('CVE-2026-48779 (ws): a message in tiny pieces ends its own link', async () => {
  const link = await EvilLink.dial(place, await enrolled('alice'));
  await attacks['fragments']?.(link);
  expect((await link.ended).closeCode).not.toBe(1000);
});

test('CVE-2026-1526, CVE-2026-2229 (undici): compression that nobody agreed to ends the link', async () => {
  const link = await EvilLink.dial(place, await enrolled('alice'));
  await attacks['compressed']?.(link);
  expect((await link.ended).closeCode).toBe(1002);
});

test.each(['CVE-2026-54290 (hono)', 'GHSA-r354-f388-2fhh (hono)'])(
  '%s: the hub’s API lets no other origin read it',
  async () => {
    for (const method of ['GET', 'OPTIONS', 'POST']) {
      const asked = request({
        host: '127.0.0.1',
        port: door.port,
        servername: 'hub.localhost',
        ca: place.ca,
        path: '/api/v1/enrol',
        method,
        headers: {
          origin: 'https://evil.phlix.localhost',
          'access-control-request-method': 'POST',
          cookie: 'a=b',
        },
      });
      asked.end();
      const [answer] = (await once(asked, 'response')) as [IncomingMessage];
      answer.resume();
      expect(
        Object.keys(answer.headers).filter((name) => name.startsWith('access-control')),
      ).toEqual([]);
    }
  },
);

test('GHSA-hgwp-4vp4-qmm2 (cloudflared): a key in a folder that others can write to is refused', async () => {
  const folder = temporaryFolder('exposed');
  const state = join(folder.path, 'state');
  mkdirSync(state, { mode: 0o700 });
  chmodSync(state, 0o777);
  await expect(openStateFolder(state)).rejects.toMatchObject({ code: 'credentials.exposed' });
  chmodSync(state, 0o700);
  writeFileSync(identityPath(state), '{}', { mode: 0o600 });
  chmodSync(identityPath(state), 0o666);
  await expect(readIdentity(state)).rejects.toMatchObject({ code: 'credentials.exposed' });
  folder.remove();
});
