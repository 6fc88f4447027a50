// An agent that is enrolled, and one that is not, ask the hub's own door over TLS to measure their lines.

import { Buffer } from 'node:buffer';
import { sign, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';

import { afterEach, expect, test } from 'vitest';

import { generateIdentityKey, readIdentity, type Enrolled } from '../../../agent/credentials.ts';
import { readConfig } from '../../../agent/config.ts';
import { dial } from '../../../agent/dialling/dial.ts';
import { OneConnection } from '../../../agent/hub-api.ts';
import { trustOf } from '../../../agent/trust.ts';
import { within } from '../../../test/support/deadline.ts';
import type { AgentsDoor, DoorSettings } from '../../../test/support/agents-door.ts';
import {
  atTheEnd,
  door,
  movies,
  online,
  run,
  stopEverything,
} from '../../../test/support/running-agent.ts';
import { exporterBytes, exporterLabel, lineProof } from '../../../shared/wire/proof.ts';

afterEach(stopEverything);

const mostBytes = 32 * 1024 * 1024;

interface Said {
  readonly status: number | undefined;
  readonly bytes: number;
  readonly body: Record<string, unknown>;
}

/** One connection to the hub, with the key of whoever asks. */
class Asker {
  readonly #socket: TLSSocket;
  readonly #agent: OneConnection;
  readonly #identity: Enrolled;

  static async connect(hub: AgentsDoor, identity: Enrolled): Promise<Asker> {
    const config = readConfig({ PHLIX_HUB_URL: hub.hubUrl, PHLIX_STATE_DIR: '/nowhere' });
    const { signal } = new AbortController();
    const trust = await trustOf(config, identity.caPem);
    return new Asker(await dial(config.hub, { ...trust, deadlineMs: 5000, signal }), identity);
  }

  private constructor(socket: TLSSocket, identity: Enrolled) {
    this.#socket = socket;
    this.#agent = new OneConnection(socket);
    this.#identity = identity;
    atTheEnd(() => socket.destroy());
  }

  async ask(
    method: 'GET' | 'HEAD' | 'POST',
    path: string,
    body: Buffer | string = '',
  ): Promise<Said> {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'content-length': body.length };
      const url = `http://hub.localhost/api/v1${path}`;
      const sent = request(url, { agent: this.#agent, method, headers }, resolve);
      sent.on('error', reject).end(body);
    });
    const pieces: Buffer[] = [];
    for await (const piece of response as AsyncIterable<Buffer>) pieces.push(piece);
    const whole = Buffer.concat(pieces);
    const isJson = response.headers['content-type']?.includes('json') === true;
    const told = isJson ? (JSON.parse(whole.toString()) as Record<string, unknown>) : {};
    return { status: response.statusCode, bytes: whole.length, body: told };
  }

  /** Begins an upload, sends one byte of it and no more. Resolves when the hub has cut it. */
  async stall(bytes: number): Promise<void> {
    const headers = { 'content-length': bytes };
    const url = 'http://hub.localhost/api/v1/line/up';
    const sent = request(url, { agent: this.#agent, method: 'POST', headers });
    const cut = once(this.#socket, 'close');
    sent.on('error', () => undefined).write('x');
    await cut;
  }

  async prove(key: KeyObject = this.#identity.privateKey): Promise<Said> {
    const { body } = await this.ask('GET', '/line');
    const { agentId } = this.#identity;
    const claim = {
      hubHost: 'hub.localhost',
      agentId,
      nonce: Buffer.from(String(body['nonce']), 'base64url'),
      exporter: this.#socket.exportKeyingMaterial(exporterBytes, exporterLabel, Buffer.alloc(0)),
    };
    const signature = sign(null, lineProof(claim), key).toString('base64url');
    return this.ask('POST', '/line', JSON.stringify({ agent_id: agentId, signature }));
  }
}

async function enrolled(
  settings: DoorSettings = {},
): Promise<{ hub: AgentsDoor; identity: Enrolled }> {
  const hub = await door(settings);
  const agent = run({ hubUrl: hub.hubUrl, token: await hub.token() });
  await online(hub, movies);
  const identity = await readIdentity(agent.folder);
  if (identity?.state !== 'enrolled') throw new Error('not enrolled');
  return { hub, identity };
}

const refusal = (status: number, code: string) => ({ status, body: { code } });

test('whoever proved his key gets bytes and may send some, up to 32 MiB each way', async () => {
  const { hub, identity } = await enrolled();
  const asker = await Asker.connect(hub, identity);
  expect(await asker.prove()).toMatchObject({ status: 200, body: { most_bytes: mostBytes } });
  expect(await asker.ask('GET', '/line/down?bytes=100000')).toMatchObject({
    status: 200,
    bytes: 100_000,
  });
  expect(await asker.ask('POST', '/line/up', Buffer.alloc(70_000))).toMatchObject({
    status: 200,
    body: { bytes: 70_000 },
  });
  expect(await asker.ask('GET', '/line/down?bytes=0')).toMatchObject(refusal(400, 'api.malformed'));
  const more = await asker.ask('GET', `/line/down?bytes=${mostBytes - 99_999}`);
  expect(more).toMatchObject(refusal(413, 'api.too-large'));
});

test('without a proof on this very connection nothing is measured', async () => {
  const { hub, identity } = await enrolled();
  const stranger = await Asker.connect(hub, identity);
  const other = refusal(403, 'line.denied');
  expect(await stranger.prove(generateIdentityKey())).toMatchObject(other);
  expect(await stranger.ask('GET', '/line/down?bytes=1')).toMatchObject(other);
  const [proved, beside] = [await Asker.connect(hub, identity), await Asker.connect(hub, identity)];
  expect(await proved.prove()).toMatchObject({ status: 200 });
  expect(await beside.ask('GET', '/line/down?bytes=1')).toMatchObject(other);
});

test('the key of a server that was removed is worth nothing', async () => {
  const { hub, identity } = await enrolled();
  await hub.stores.servers.revoke(identity.serverId);
  const asker = await Asker.connect(hub, identity);
  expect(await asker.prove()).toMatchObject(refusal(403, 'line.denied'));
});

test('a server may have its line measured six times in ten minutes', async () => {
  const { hub, identity } = await enrolled();
  const asker = await Asker.connect(hub, identity);
  for (let count = 0; count < 6; count += 1) expect((await asker.prove()).status).toBe(200);
  expect(await asker.prove()).toMatchObject(refusal(429, 'line.busy'));
});

test('of one server one line is measured at a time, and one without bytes is cut and makes room', async () => {
  const { hub, identity } = await enrolled({ lineSilentMs: 1000 });
  const [silent, other] = [await Asker.connect(hub, identity), await Asker.connect(hub, identity)];
  for (const asker of [silent, other]) expect((await asker.prove()).status).toBe(200);
  const cut = silent.stall(1000);
  await expect
    .poll(async () => (await other.ask('GET', '/line/down?bytes=1')).body['code'], { interval: 20 })
    .toBe('line.busy');
  await within(cut, 5000, () => 'the cut');
  const again = await Asker.connect(hub, identity);
  expect((await again.prove()).status).toBe(200);
  expect(await again.ask('GET', '/line/down?bytes=9')).toMatchObject({ status: 200, bytes: 9 });
});

test('HEAD begins no measurement', async () => {
  const { hub, identity } = await enrolled();
  const [first, second] = [await Asker.connect(hub, identity), await Asker.connect(hub, identity)];
  for (const asker of [first, second]) expect((await asker.prove()).status).toBe(200);
  const head = await first.ask('HEAD', `/line/down?bytes=${mostBytes}`);
  expect(head).toMatchObject({ status: 200, bytes: 0 });
  expect(await second.ask('GET', '/line/down?bytes=9')).toMatchObject({ status: 200, bytes: 9 });
});
