// Agents, honest and not, tell the hub's own door over TLS what they found.

import { Buffer } from 'node:buffer';
import { sign, type KeyObject } from 'node:crypto';
import type { TLSSocket } from 'node:tls';

import { afterEach, expect, test } from 'vitest';

import { generateIdentityKey, readIdentity, type Enrolled } from '../../../agent/credentials.ts';
import { readConfig } from '../../../agent/config.ts';
import { dial } from '../../../agent/dialling/dial.ts';
import { exchange, nonceOf, OneConnection, type Answer } from '../../../agent/hub-api.ts';
import { trustOf } from '../../../agent/trust.ts';
import { maxFindings, maxFindingText, reportable } from '../../../shared/doctor/checkup.ts';
import { checkupProof, exporterBytes, exporterLabel } from '../../../shared/wire/proof.ts';
import type { AgentsDoor } from '../../../test/support/agents-door.ts';
import {
  atTheEnd,
  door,
  online,
  run,
  stopEverything,
} from '../../../test/support/running-agent.ts';

afterEach(stopEverything);

const path = '/api/v1/checkup';
const fine = { check: 'origin.reachable', state: 'ok', message: 'It answers.' } as const;

async function enrolled(hub: AgentsDoor, label: string): Promise<Enrolled> {
  const agent = run({ hubUrl: hub.hubUrl, token: await hub.token({ label }) });
  await online(hub, `${label}.phlix.localhost`);
  const identity = await readIdentity(agent.folder);
  if (identity?.state !== 'enrolled') throw new Error('not enrolled');
  return identity;
}

/** One connection to the hub. */
class Teller {
  readonly #socket: TLSSocket;
  readonly #hub: ReturnType<typeof readConfig>['hub'];
  readonly #agent: OneConnection;

  static async connect({ hubUrl }: AgentsDoor, { caPem }: Enrolled): Promise<Teller> {
    const config = readConfig({ PHLIX_HUB_URL: hubUrl, PHLIX_STATE_DIR: '/nowhere' });
    const { signal } = new AbortController();
    const trust = await trustOf(config, caPem);
    return new Teller(config.hub, await dial(config.hub, { ...trust, deadlineMs: 5000, signal }));
  }

  private constructor(hub: ReturnType<typeof readConfig>['hub'], socket: TLSSocket) {
    this.#hub = hub;
    this.#socket = socket;
    this.#agent = new OneConnection(socket);
    atTheEnd(() => socket.destroy());
  }

  async tell(
    { agentId, privateKey }: Pick<Enrolled, 'agentId' | 'privateKey'>,
    report: object,
  ): Promise<Answer> {
    const nonce = nonceOf(await this.#ask()) ?? Buffer.alloc(0);
    return this.#ask({ ...this.signed(agentId, privateKey, nonce), ...report });
  }

  /** The very same bytes, over the same connection. */
  async tellTwice({ agentId, privateKey }: Enrolled, report: object): Promise<Answer[]> {
    const nonce = nonceOf(await this.#ask()) ?? Buffer.alloc(0);
    const body = { ...this.signed(agentId, privateKey, nonce), ...report };
    return [await this.#ask(body), await this.#ask(body)];
  }

  signed(agentId: string, key: KeyObject, nonce: Buffer): object {
    const exporter = this.#socket.exportKeyingMaterial(
      exporterBytes,
      exporterLabel,
      Buffer.alloc(0),
    );
    const proof = checkupProof({ hubHost: 'hub.localhost', agentId, nonce, exporter });
    return { agent_id: agentId, signature: sign(null, proof, key).toString('base64url') };
  }

  #ask(body?: object): Promise<Answer> {
    const signal = AbortSignal.timeout(10_000);
    const asked = { hub: this.#hub, agent: this.#agent, path, signal };
    return exchange(body === undefined ? asked : { ...asked, body });
  }
}

const codeOf = ({ body }: Answer): unknown => (body as { code?: unknown } | undefined)?.code;

test('what an agent tells is kept for its server, with how old the measurement of its line is', async () => {
  const hub = await door();
  const identity = await enrolled(hub, 'movies');
  const teller = await Teller.connect(hub, identity);
  const home = await teller.tell(identity, { part: 'home', findings: [fine] });
  expect(home).toMatchObject({ status: 200, body: { line_age_ms: null } });
  const line = { part: 'line', findings: [{ ...fine, check: 'line.speed', remedy: 'Pay.' }] };
  expect(await teller.tell(identity, line)).toMatchObject({ status: 200 });
  const again = await teller.tell(identity, { part: 'home', findings: [] });
  expect(again.body).toEqual({ line_age_ms: expect.any(Number) });
  const kept = hub.stores.told.get(identity.serverId);
  expect(kept?.get('home')).toMatchObject({ findings: [], lookedAt: expect.any(Date) });
  expect(kept?.get('line')?.findings).toEqual(line.findings);
});

test('nobody tells for a server that is another’s', async () => {
  const hub = await door();
  const [mine, theirs] = [await enrolled(hub, 'mine'), await enrolled(hub, 'theirs')];
  const teller = await Teller.connect(hub, mine);
  const report = { part: 'home', findings: [fine] };
  const forged = { agentId: theirs.agentId, privateKey: mine.privateKey };
  expect(codeOf(await teller.tell(forged, report))).toBe('enrol.proof');
  const stranger = { agentId: 'x'.repeat(43), privateKey: generateIdentityKey() };
  expect(codeOf(await teller.tell(stranger, report))).toBe('enrol.proof');
  // Named beside the key it is not listened to.
  const named = { ...report, server_id: theirs.serverId };
  expect(await teller.tell(mine, named)).toMatchObject({ status: 200 });
  expect([...hub.stores.told.keys()]).toEqual([mine.serverId]);
});

test('a proof is good once, and a key that was revoked tells nothing', async () => {
  const hub = await door();
  const identity = await enrolled(hub, 'movies');
  const teller = await Teller.connect(hub, identity);
  const report = { part: 'home', findings: [fine] };
  const replayed = teller.signed(identity.agentId, identity.privateKey, Buffer.alloc(32));
  const answer = await teller.tell(identity, { ...replayed, ...report });
  expect(codeOf(answer)).toBe('enrol.proof');
  const [first, second] = await teller.tellTwice(identity, report);
  expect(first).toMatchObject({ status: 200 });
  expect(second).toMatchObject({ body: { code: 'enrol.proof' } });
  hub.stores.told.clear();
  await hub.stores.servers.revoke(identity.serverId);
  expect(codeOf(await teller.tell(identity, report))).toBe('enrol.proof');
  expect(hub.stores.told.size).toBe(0);
});

const many = (count: number) =>
  Array.from({ length: count }, (_, at) => ({
    ...fine,
    check: `area.${'abcdefghij'[at % 10]}-${'x'.repeat(1 + Math.floor(at / 10))}`,
  }));

test.each([
  ['one finding too many', many(maxFindings + 1), 'api.malformed'],
  ['a check twice', [fine, fine], 'api.malformed'],
  ['a sentence that is too long', [{ ...fine, message: 'x'.repeat(801) }], 'api.malformed'],
  ['a remedy that is none', [{ ...fine, remedy: '' }], 'api.malformed'],
  ['a state that nobody knows', [{ ...fine, state: 'grand' }], 'api.malformed'],
  ['a check that is no name', [{ ...fine, check: '<b>.<i>' }], 'api.malformed'],
  ['an escape sequence', [{ ...fine, message: '\u001b[2J' }], 'api.malformed'],
  ['words that turn round', [{ ...fine, message: 'a\u202eb' }], 'api.malformed'],
  ['half a character', [{ ...fine, message: 'a\ud800' }], 'api.malformed'],
  ['no list', 'everything is fine', 'api.malformed'],
  ['more bytes than a report has', [{ ...fine, message: 'x'.repeat(50_000) }], 'api.too-large'],
])('a report with %s is refused, and nothing of it is kept', async (_what, findings, code) => {
  const hub = await door();
  const identity = await enrolled(hub, 'movies');
  const teller = await Teller.connect(hub, identity);
  expect(codeOf(await teller.tell(identity, { part: 'home', findings }))).toBe(code);
  expect(hub.stores.told.size).toBe(0);
});

test('an agent that tells all the time is told to wait', async () => {
  const hub = await door();
  const identity = await enrolled(hub, 'movies');
  const teller = await Teller.connect(hub, identity);
  let last: Answer | undefined;
  for (let count = 0; count < 40 && last?.status !== 429; count += 1)
    last = await teller.tell(identity, { part: 'home', findings: [fine] });
  expect(last?.status).toBe(429);
  expect(last?.retryAfterMs).toBeGreaterThan(0);
});

test('whatever strangers named, an agent tells it in a form that its hub takes', async () => {
  const hub = await door();
  const identity = await enrolled(hub, 'movies');
  const wild = {
    ...fine,
    message: `a\u001b\u202e\ud800${'🎬'.repeat(600)}`,
    remedy: 'x\n'.repeat(900),
  };
  const findings = reportable([wild, ...many(60)]);
  expect(findings).toHaveLength(maxFindings);
  expect(findings[0]?.message.length).toBeLessThanOrEqual(maxFindingText);
  const teller = await Teller.connect(hub, identity);
  expect(await teller.tell(identity, { part: 'home', findings })).toMatchObject({ status: 200 });
});
