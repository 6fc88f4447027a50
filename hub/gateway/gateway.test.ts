import { Buffer } from 'node:buffer';
import { createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { setTimeout as after } from 'node:timers/promises';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';

import { calculateJwkThumbprint } from 'jose';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';

import { FramePipe } from '../../shared/mux/frame-pipe.ts';
import { dialHandshake } from '../../shared/mux/handshake.ts';
import { Session, type SessionEnd } from '../../shared/mux/session.ts';
import { websocketTransport } from '../../shared/mux/websocket-transport.ts';
import type { Hello } from '../../shared/wire/hello.ts';
import { connectProof, exporterBytes, exporterLabel } from '../../shared/wire/proof.ts';
import {
  hubHost,
  openAgentsDoor,
  tenantDomain,
  type AgentsDoor,
  type DoorSettings,
} from '../../test/support/agents-door.ts';
import { defaultSwitches } from '../tunnels/server.ts';
import { defaultGatewayLimits } from './limits.ts';

const closers: (() => unknown)[] = [];
let hub: AgentsDoor;
beforeEach(async () => {
  hub = await open();
});
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function open(settings?: DoorSettings): Promise<AgentsDoor> {
  const opened = await openAgentsDoor(settings);
  closers.push(() => opened.close());
  return opened;
}

interface Key {
  readonly agentId: string;
  readonly privateKey: KeyObject;
}

/** A server in the store, and the key of its agent. */
async function enrolled(at = hub): Promise<Key> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const raw = createPublicKey(privateKey).export({ type: 'spki', format: 'der' }).subarray(-32);
  const jwk = publicKey.export({ format: 'jwk' });
  const agentId = await calculateJwkThumbprint(jwk);
  const serverId = `server-of-${agentId}`;
  at.stores.byId.set(serverId, {
    id: serverId,
    ownerId: 'operator',
    name: 'Movies',
    label: 'movies',
    agentId,
    switches: defaultSwitches,
    createdAt: new Date(),
    lastSeenAt: undefined,
    revokedAt: undefined,
  });
  at.stores.agents.set(agentId, { agentId, publicKey: raw, serverId, isRevoked: false });
  return { agentId, privateKey };
}

async function secure(options: ConnectionOptions = {}, at = hub): Promise<TLSSocket> {
  const socket = connectTls({
    host: '127.0.0.1',
    port: at.port,
    servername: hubHost,
    ca: at.authority.certificate,
    ...options,
  });
  closers.push(() => socket.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

interface Opened {
  readonly tls: TLSSocket;
  readonly websocket: WebSocket;
  readonly pipe: FramePipe;
}

async function upgrade(at = hub, path = '/tunnel'): Promise<Opened> {
  const tls = await secure({}, at);
  const websocket = new WebSocket(`wss://${hubHost}:${at.port}${path}`, {
    createConnection: () => tls,
    perMessageDeflate: false,
  });
  const pipe = new Promise<FramePipe>((resolve, reject) => {
    websocket.once('open', () => resolve(new FramePipe(websocketTransport(websocket))));
    websocket.once('unexpected-response', (_, response) => {
      reject(new Error(`status ${response.statusCode}, ${response.headers['retry-after']}`));
    });
    websocket.once('error', reject);
  });
  return { tls, websocket, pipe: await pipe };
}

interface Lie {
  readonly hubHost?: string;
  readonly agentId?: string;
  readonly nonce?: Buffer;
  readonly exporter?: Buffer;
  readonly signedVersion?: number;
  readonly epoch?: bigint;
  readonly slot?: number;
}

function handshake({ tls, pipe }: Opened, key: Key, lie: Lie = {}) {
  return dialHandshake(pipe, {
    deadlineMs: 5000,
    epoch: lie.epoch ?? 1n,
    slot: lie.slot ?? 0,
    software: 'test/1',
    prove: ({ nonce, version }) => {
      const agentId = lie.agentId ?? key.agentId;
      const exporter =
        lie.exporter ?? tls.exportKeyingMaterial(exporterBytes, exporterLabel, Buffer.alloc(0));
      const proof = connectProof({
        hubHost: lie.hubHost ?? hubHost,
        agentId,
        nonce: lie.nonce ?? nonce,
        exporter,
        protocolVersion: lie.signedVersion ?? version,
      });
      return { agentId, signature: sign(null, proof, key.privateKey) };
    },
  });
}

const unauthorised = { code: 'handshake.refused', reason: 'unauthorised' };

describe('who comes in', () => {
  test('an agent that signs this connection is welcomed with its addresses and found by its name', async () => {
    const key = await enrolled();
    const { welcome } = await handshake(await upgrade(), key);
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
    const key = await enrolled();
    await expect(handshake(await upgrade(), key, lie)).rejects.toMatchObject(unauthorised);
  });

  test('an unknown id and a bad signature get the same answer, word for word', async () => {
    const key = await enrolled();
    const answers = [];
    for (const lie of [{ agentId: 'B'.repeat(43) }, { nonce: Buffer.alloc(32) }]) {
      const failure: unknown = await handshake(await upgrade(), key, lie).catch(
        (error: unknown) => error,
      );
      answers.push({ ...(failure as object), message: (failure as Error).message });
    }
    expect(answers[0]).toEqual(answers[1]);
  });

  test('a revoked key is told so, but only to its holder', async () => {
    const key = await enrolled();
    await hub.stores.servers.revoke(`server-of-${key.agentId}`);
    await expect(handshake(await upgrade(), key)).rejects.toMatchObject({ reason: 'revoked' });
    const stranger = { ...key, privateKey: generateKeyPairSync('ed25519').privateKey };
    await expect(handshake(await upgrade(), stranger)).rejects.toMatchObject(unauthorised);
  });

  test('a hub that cannot look up agents says that it is its own fault, and counts nothing', async () => {
    const key = await enrolled();
    hub.stores.servers.findAgent = () => Promise.reject(new Error('the database is away'));
    for (let attempt = 0; attempt < 22; attempt += 1) {
      await expect(handshake(await upgrade(), key)).rejects.toMatchObject({ reason: 'internal' });
    }
  });
});

const found = () => hub.tunnels.find(`movies.${tenantDomain}`)?.links ?? [];

describe('links of one agent', () => {
  test('stand side by side, one in each slot, as many as the welcome says', async () => {
    const key = await enrolled();
    for (const slot of [0, 1]) {
      const { welcome } = await handshake(await upgrade(), key, { slot });
      expect(welcome.maxLinks).toBe(defaultGatewayLimits.linksPerAgent);
    }
    await vi.waitFor(() => expect(found().map((link) => link.streamCount)).toEqual([0, 0]));
  });

  test('beyond the limit are refused as too many', async () => {
    hub = await open({ limits: { linksPerAgent: 2 } });
    const key = await enrolled();
    await expect(handshake(await upgrade(), key, { slot: 2 })).rejects.toMatchObject({
      reason: 'overloaded',
      message: 'an agent may have 2 links to this hub',
    });
  });

  test('of two agents with one key: the later process stays, and the log says that there are two (D-05)', async () => {
    const key = await enrolled();
    const later = await upgrade();
    await handshake(later, key, { epoch: 2n });
    await vi.waitFor(() => expect(found()).toHaveLength(1));
    const [winner] = found();
    const earlier = await upgrade();
    await handshake(earlier, key, { epoch: 1n, slot: 1 });
    await once(earlier.websocket, 'close');
    expect(found()).toEqual([winner]);
    expect(hub.logged.filter(({ msg }) => msg === 'two agents use one key')).toHaveLength(1);
  });
});

test('of agents that come together, those beyond the limit are told when to come back', async () => {
  hub = await open({ limits: { arrivalsPerSecond: 2 } });
  const answers = await Promise.allSettled(Array.from({ length: 6 }, () => upgrade()));
  const refused = answers.flatMap((answer) =>
    answer.status === 'rejected' ? [answer.reason] : [],
  );
  expect(refused.length).toBeGreaterThanOrEqual(3);
  for (const { message } of refused) expect(message).toMatch(/^status 503, [1-4]$/);
});

test('a hub that is short of memory takes no agent until it is not', async () => {
  const overload = { refusesAgents: true };
  hub = await open({ overload });
  await expect(upgrade()).rejects.toThrow('status 503, 10');
  overload.refusesAgents = false;
  await expect(handshake(await upgrade(), await enrolled())).resolves.toBeDefined();
});

describe('who stays out', () => {
  test('TLS below 1.3', async () => {
    await expect(secure({ maxVersion: 'TLSv1.2' })).rejects.toMatchObject({
      code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
    });
  });

  test.each([
    ['a name of a tenant', `movies.${tenantDomain}`],
    ['no name', undefined],
  ])('%s finds no certificate', async (_, servername) => {
    const named = servername === undefined ? { servername: '' } : { servername };
    await expect(secure({ ...named, rejectUnauthorized: false })).rejects.toMatchObject({
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
    const { websocket } = await upgrade();
    websocket.send('hello');
    await once(websocket, 'close');
    expect(hub.gateway.linkCount).toBe(0);
  });

  test('frames before the hello', async () => {
    const { websocket } = await upgrade();
    // A data frame for stream 1: 16 bytes of header and payload, by hand.
    websocket.send(Buffer.from('0000000800000001' + '00'.repeat(8), 'hex'));
    await once(websocket, 'close');
    expect(refusals()).toMatchObject([{ err: { code: expect.stringMatching(/^protocol\./) } }]);
  });

  test('a hello that was recorded on another connection', async () => {
    const key = await enrolled();
    const first = await upgrade();
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
    const second = await upgrade();
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
    const opened = await upgrade();
    const { welcome } = await handshake(opened, await enrolled());
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

describe('who takes too long or comes too often', () => {
  test('a connection that says nothing is cut, before and after TLS, and in the handshake', async () => {
    const impatient = await open({
      limits: { handshakeTimeoutMs: 150, authenticationTimeoutMs: 150 },
    });
    const tcp = connectTcp(impatient.port, '127.0.0.1');
    tcp.on('error', () => undefined);
    const tls = await secure({}, impatient);
    tls.on('error', () => undefined);
    const slowHead = await secure({}, impatient);
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
    const impatient = await open({ limits: { authenticationTimeoutMs } });
    const opened = await upgrade(impatient);
    await handshake(opened, await enrolled(impatient));
    const cut = once(opened.websocket, 'close').then(() => 'cut');
    const outlived = after(3 * authenticationTimeoutMs, 'alive');
    expect(await Promise.race([cut, outlived])).toBe('alive');
  });

  test('failed authentications use up the address, and the answer says how long', async () => {
    const strict = await open({ limits: { failuresPerMinute: 2 } });
    const key = await enrolled(strict);
    for (let failure = 0; failure < 2; failure += 1) {
      const lied = handshake(await upgrade(strict), key, { nonce: Buffer.alloc(32) });
      await expect(lied).rejects.toMatchObject(unauthorised);
    }
    await expect(upgrade(strict)).rejects.toThrow(/^status 429, (59|60)$/);
  });

  test('a house full of agents comes back at once: successes count nothing', async () => {
    const strict = await open({ limits: { failuresPerMinute: 2 } });
    for (let index = 0; index < 30; index += 1) {
      await handshake(await upgrade(strict), await enrolled(strict));
    }
    await vi.waitFor(() => expect(strict.gateway.linkCount).toBe(30));
  });

  test('connections of one address are bounded, and closed ones count no more', async () => {
    const narrow = await open({ limits: { connectionsPerAddress: 3 } });
    const sockets = [];
    for (let index = 0; index < 3; index += 1) sockets.push(await secure({}, narrow));
    await expect(secure({}, narrow)).rejects.toMatchObject({ code: 'ECONNRESET' });
    for (const socket of sockets) socket.destroy();
    await vi.waitFor(() => secure({}, narrow), { timeout: 5000 });
  });
});

test('the gateway closes with agents, enrolments and idle strangers connected', async () => {
  const { websocket, pipe, tls } = await upgrade();
  await handshake({ websocket, pipe, tls }, await enrolled());
  await secure();
  const gone = once(websocket, 'close');
  await hub.gateway.close(100);
  await gone;
  await expect(secure()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

function refusals() {
  return hub.logged.filter(({ msg }) => msg === 'agent refused');
}

test('the log names no signature and no nonce', async () => {
  const key = await enrolled();
  await handshake(await upgrade(), key, { nonce: Buffer.alloc(32) }).catch(() => undefined);
  await vi.waitFor(() => expect(refusals()).toHaveLength(1));
  expect(JSON.stringify(refusals())).not.toMatch(/signature|nonce/);
});
