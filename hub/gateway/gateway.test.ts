import { Buffer } from 'node:buffer';
import { generateKeyPairSync, sign } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { dialHandshake } from '../../shared/mux/handshake.ts';
import { Session, type SessionEnd } from '../../shared/mux/session.ts';
import type { Hello } from '../../shared/wire/hello.ts';
import { connectProof, exporterBytes, exporterLabel } from '../../shared/wire/proof.ts';
import { hubHost, tenantDomain, type AgentsDoor } from '../../test/support/agents-door.ts';
import {
  enrolled,
  handshake,
  openDoor,
  putAway,
  secure,
  upgrade,
  type Lie,
} from '../../test/support/knocking-agent.ts';

let hub: AgentsDoor;
beforeEach(async () => {
  hub = await openDoor();
});
afterEach(putAway);

const unauthorised = { code: 'handshake.refused', reason: 'unauthorised' };

describe('who comes in', () => {
  test('an agent that signs this connection is welcomed with its addresses and found by its name', async () => {
    const key = await enrolled(hub);
    const { welcome } = await handshake(await upgrade(hub), key);
    expect(welcome.addresses).toEqual([`https://movies.${tenantDomain}`]);
    await vi.waitFor(() =>
      expect(hub.tunnels.find(`movies.${tenantDomain}`)?.links).toHaveLength(1),
    );
    const server = hub.stores.byId.get(`server-of-${key.agentId}`);
    expect(server?.lastSeenAt).toBeInstanceOf(Date);
  });

  test.each<[string, Lie]>([
    ['another hub', { hubHost: 'other.localhost' }],
    ['another connection (exporter)', { exporter: Buffer.alloc(exporterBytes) }],
    ['an older challenge (replay)', { nonce: Buffer.alloc(32) }],
    ['another version', { signedVersion: 2 }],
    ['somebody else', { agentId: 'A'.repeat(43) }],
  ])('a signature for %s is refused', async (_, lie) => {
    const key = await enrolled(hub);
    await expect(handshake(await upgrade(hub), key, lie)).rejects.toMatchObject(unauthorised);
  });

  test('an unknown id and a bad signature get the same answer, word for word', async () => {
    const key = await enrolled(hub);
    const answers = [];
    for (const lie of [{ agentId: 'B'.repeat(43) }, { nonce: Buffer.alloc(32) }]) {
      const failure: unknown = await handshake(await upgrade(hub), key, lie).catch(
        (error: unknown) => error,
      );
      answers.push({ ...(failure as object), message: (failure as Error).message });
    }
    expect(answers[0]).toEqual(answers[1]);
  });

  test('the agent of a suspended server hears why, and it is no failure of its address', async () => {
    const strict = await openDoor({ limits: { failuresPerMinute: 1 } });
    const key = await enrolled(strict);
    await strict.stores.servers.suspend(`server-of-${key.agentId}`, 'report 117');
    for (let attempt = 0; attempt < 3; attempt += 1)
      await expect(handshake(await upgrade(strict), key)).rejects.toMatchObject({
        code: 'handshake.refused',
        reason: 'suspended',
        message: 'report 117',
      });
    await strict.stores.servers.resume(`server-of-${key.agentId}`);
    await expect(handshake(await upgrade(strict), key)).resolves.toBeDefined();
  });

  test('a revoked key is told so, but only to its holder', async () => {
    const key = await enrolled(hub);
    await hub.stores.servers.revoke(`server-of-${key.agentId}`);
    await expect(handshake(await upgrade(hub), key)).rejects.toMatchObject({ reason: 'revoked' });
    const stranger = { ...key, privateKey: generateKeyPairSync('ed25519').privateKey };
    await expect(handshake(await upgrade(hub), stranger)).rejects.toMatchObject(unauthorised);
  });

  test('a hub that cannot look up agents says that it is its own fault, and counts nothing', async () => {
    const key = await enrolled(hub);
    hub.stores.servers.findAgent = () => Promise.reject(new Error('the database is away'));
    for (let attempt = 0; attempt < 22; attempt += 1) {
      await expect(handshake(await upgrade(hub), key)).rejects.toMatchObject({
        reason: 'internal',
      });
    }
  });
});

describe('who stays out', () => {
  test('TLS below 1.3', async () => {
    await expect(secure(hub, { maxVersion: 'TLSv1.2' })).rejects.toMatchObject({
      code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
    });
  });

  test.each([
    ['a name of a tenant', `movies.${tenantDomain}`],
    ['no name', undefined],
  ])('%s finds no certificate', async (_, servername) => {
    const named = servername === undefined ? { servername: '' } : { servername };
    await expect(secure(hub, { ...named, rejectUnauthorized: false })).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_SSL/),
    });
  });

  test('a WebSocket without TLS', async () => {
    const socket = connectTcp(hub.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write('GET /tunnel HTTP/1.1\r\nHost: hub.localhost\r\nUpgrade: websocket\r\n\r\n');
    let answer = '';
    socket.on('data', (chunk) => (answer += chunk.toString('latin1')));
    await once(socket, 'close');
    expect(answer).not.toContain('HTTP/1.1 101');
  });

  test('another path', async () => {
    await expect(upgrade(hub, '/tunnel2')).rejects.toThrow('status 404');
  });

  test('a text message instead of the hello', async () => {
    const { websocket } = await upgrade(hub);
    websocket.send('hello');
    await once(websocket, 'close');
    expect(hub.gateway.linkCount).toBe(0);
  });

  test('frames before the hello', async () => {
    const { websocket } = await upgrade(hub);
    // A data frame for stream 1: 16 bytes of header and payload, by hand.
    websocket.send(Buffer.from('0000000800000001' + '00'.repeat(8), 'hex'));
    await once(websocket, 'close');
    expect(refusals()).toMatchObject([{ err: { code: expect.stringMatching(/^protocol\./) } }]);
  });

  test('a hello that was recorded on another connection', async () => {
    const key = await enrolled(hub);
    const first = await upgrade(hub);
    let recorded: Hello | undefined;
    await dialHandshake(first.pipe, {
      deadlineMs: 5000,
      epoch: 1n,
      software: 'test/1',
      prove: ({ nonce, version }) => {
        const exporter = first.tls.exportKeyingMaterial(
          exporterBytes,
          exporterLabel,
          Buffer.alloc(0),
        );
        const facts = { hubHost, agentId: key.agentId, nonce, exporter, protocolVersion: version };
        const signature = sign(null, connectProof(facts), key.privateKey);
        recorded = {
          version,
          agentId: key.agentId,
          signature,
          epoch: 1n,
          initialWindowBytes: 65_536,
          software: 'test/1',
          slot: 0,
          originProtocol: 'http/1.1',
        };
        return recorded;
      },
    });
    const second = await upgrade(hub);
    if (recorded === undefined) throw new Error('nothing was recorded');
    const again = recorded;
    await expect(
      dialHandshake(second.pipe, {
        deadlineMs: 5000,
        epoch: 1n,
        software: 'test/1',
        prove: () => again,
      }),
    ).rejects.toMatchObject(unauthorised);
  });

  test('an agent that opens a stream itself', async () => {
    const opened = await upgrade(hub);
    const { welcome } = await handshake(opened, await enrolled(hub));
    const ended = Promise.withResolvers<SessionEnd>();
    const session = new Session(opened.pipe, {
      role: 'dialer',
      receiveWindowBytes: 65_536,
      sendWindowBytes: welcome.initialWindowBytes,
      pingIntervalMs: welcome.pingIntervalMs,
      pingDeadlineMs: welcome.pingDeadlineMs,
      maxStreams: 10,
      onClosed: ended.resolve,
    });
    session.openStream().on('error', () => undefined);
    expect(await ended.promise).toMatchObject({ reason: 'protocol-error' });
    await vi.waitFor(() => expect(hub.gateway.linkCount).toBe(0));
  });
});

test('the gateway closes with agents, enrolments and idle strangers connected', async () => {
  const { websocket, pipe, tls } = await upgrade(hub);
  await handshake({ websocket, pipe, tls }, await enrolled(hub));
  await secure(hub);
  const gone = once(websocket, 'close');
  await hub.gateway.close(100);
  await gone;
  await expect(secure(hub)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

function refusals() {
  return hub.logged.filter(({ msg }) => msg === 'agent refused');
}

test('the log names no signature and no nonce', async () => {
  const key = await enrolled(hub);
  await handshake(await upgrade(hub), key, { nonce: Buffer.alloc(32) }).catch(() => undefined);
  await vi.waitFor(() => expect(refusals()).toHaveLength(1));
  expect(JSON.stringify(refusals())).not.toMatch(/signature|nonce/);
});
