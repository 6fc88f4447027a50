import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { setTimeout as after } from 'node:timers/promises';

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { tenantDomain, type AgentsDoor } from '../../test/support/agents-door.ts';
import {
  enrolled,
  handshake,
  openDoor,
  putAway,
  secure,
  upgrade,
} from '../../test/support/knocking-agent.ts';
import { defaultGatewayLimits } from './limits.ts';

let hub: AgentsDoor;
beforeEach(async () => {
  hub = await openDoor();
});
afterEach(putAway);

const found = () => hub.tunnels.find(`movies.${tenantDomain}`)?.links ?? [];

describe('links of one agent', () => {
  test('stand side by side, one in each slot, as many as the welcome says', async () => {
    const key = await enrolled(hub);
    for (const slot of [0, 1]) {
      const { welcome } = await handshake(await upgrade(hub), key, { slot });
      expect(welcome.maxLinks).toBe(defaultGatewayLimits.linksPerAgent);
    }
    await vi.waitFor(() => expect(found().map((link) => link.streamCount)).toEqual([0, 0]));
  });

  test('beyond the limit are refused as too many', async () => {
    hub = await openDoor({ limits: { linksPerAgent: 2 } });
    const key = await enrolled(hub);
    await expect(handshake(await upgrade(hub), key, { slot: 2 })).rejects.toMatchObject({
      reason: 'overloaded',
      message: 'an agent may have 2 links to this hub',
    });
  });

  test('of two agents with one key: the later process stays, and the log says that there are two (D-05)', async () => {
    const key = await enrolled(hub);
    const later = await upgrade(hub);
    await handshake(later, key, { epoch: 2n });
    await vi.waitFor(() => expect(found()).toHaveLength(1));
    const [winner] = found();
    const earlier = handshake(await upgrade(hub), key, { epoch: 1n, slot: 1 });
    await expect(earlier).rejects.toMatchObject({ reason: 'replaced' });
    expect(found()).toEqual([winner]);
    expect(hub.logged.filter(({ msg }) => msg === 'two agents use one key')).toHaveLength(1);
  });

  test('one that stands by is let in when the later one is gone, and its tries are neither links nor failures', async () => {
    hub = await openDoor({ limits: { failuresPerMinute: 2 } });
    const key = await enrolled(hub);
    const later = await upgrade(hub);
    await handshake(later, key, { epoch: 2n });
    await vi.waitFor(() => expect(found()).toHaveLength(1), 10_000);
    for (let knock = 0; knock < 5; knock += 1) {
      const refused = handshake(await upgrade(hub), key, { epoch: 1n });
      await expect(refused).rejects.toMatchObject({ reason: 'replaced' });
    }
    const told = hub.logged.filter(({ level }) => level !== 'debug').map(({ msg }) => msg);
    expect(told.filter((msg) => msg.startsWith('agent'))).toEqual(['agent connected']);
    later.websocket.close();
    await vi.waitFor(() => expect(found()).toEqual([]), 10_000);
    await expect(handshake(await upgrade(hub), key, { epoch: 1n })).resolves.toBeDefined();
  });
});

test('of agents that come together, those beyond the limit are told when to come back', async () => {
  hub = await openDoor({ limits: { arrivalsPerSecond: 2 } });
  const answers = await Promise.allSettled(Array.from({ length: 6 }, () => upgrade(hub)));
  const refused = answers.flatMap((answer) =>
    answer.status === 'rejected' ? [answer.reason] : [],
  );
  expect(refused.length).toBeGreaterThanOrEqual(3);
  for (const { message } of refused) expect(message).toMatch(/^status 503, [1-4]$/);
});

test('a hub that is short of memory takes no agent until it is not', async () => {
  const overload = { refusesAgents: true };
  hub = await openDoor({ overload });
  await expect(upgrade(hub)).rejects.toThrow('status 503, 10');
  overload.refusesAgents = false;
  await expect(handshake(await upgrade(hub), await enrolled(hub))).resolves.toBeDefined();
});

describe('who takes too long or comes too often', () => {
  test('a connection that says nothing is cut, before and after TLS, and in the handshake', async () => {
    const impatient = await openDoor({
      limits: { handshakeTimeoutMs: 150, authenticationTimeoutMs: 150 },
    });
    const tcp = connectTcp(impatient.port, '127.0.0.1');
    tcp.on('error', () => undefined);
    const tls = await secure(impatient);
    tls.on('error', () => undefined);
    const slowHead = await secure(impatient);
    slowHead.on('error', () => undefined);
    slowHead.write('GET /tunnel HTTP/1.1\r\nHost: hub');
    const { websocket } = await upgrade(impatient);
    await Promise.all([
      once(tcp.resume(), 'close'),
      once(tls.resume(), 'close'),
      once(slowHead.resume(), 'close'),
      once(websocket, 'close'),
    ]);
    expect(impatient.gateway.linkCount).toBe(0);
  });

  test('the clock of strangers stops for an agent that proved itself', async () => {
    const authenticationTimeoutMs = 150;
    const impatient = await openDoor({ limits: { authenticationTimeoutMs } });
    const opened = await upgrade(impatient);
    await handshake(opened, await enrolled(impatient));
    const cut = once(opened.websocket, 'close').then(() => 'cut');
    const outlived = after(3 * authenticationTimeoutMs, 'alive');
    expect(await Promise.race([cut, outlived])).toBe('alive');
  });

  test('failed authentications use up the address, and the answer says how long', async () => {
    const strict = await openDoor({ limits: { failuresPerMinute: 2 } });
    const key = await enrolled(strict);
    for (let failure = 0; failure < 2; failure += 1) {
      const lied = handshake(await upgrade(strict), key, { nonce: Buffer.alloc(32) });
      await expect(lied).rejects.toMatchObject({ reason: 'unauthorised' });
    }
    await expect(upgrade(strict)).rejects.toThrow(/^status 429, (59|60)$/);
  });

  test('a house full of agents comes back at once: successes count nothing', async () => {
    const strict = await openDoor({ limits: { failuresPerMinute: 2 } });
    for (let index = 0; index < 30; index += 1) {
      await handshake(await upgrade(strict), await enrolled(strict));
    }
    await vi.waitFor(() => expect(strict.gateway.linkCount).toBe(30));
  });

  test('connections of one address are bounded, and closed ones count no more', async () => {
    const narrow = await openDoor({ limits: { connectionsPerAddress: 3 } });
    const sockets = [];
    for (let index = 0; index < 3; index += 1) sockets.push(await secure(narrow));
    await expect(secure(narrow)).rejects.toMatchObject({ code: 'ECONNRESET' });
    for (const socket of sockets) socket.destroy();
    await vi.waitFor(() => secure(narrow), { timeout: 5000 });
  });
});
