import { existsSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';

import { afterEach, describe, expect, test, vi } from 'vitest';

import type { AgentsDoor } from '../test/support/agents-door.ts';
import { MemoryStores } from '../test/support/memory-stores.ts';
import {
  door,
  failureOf,
  movies,
  newFolder,
  online,
  run,
  shout,
  shoutingOrigin,
  stopEverything,
  type Running,
} from '../test/support/running-agent.ts';
import { readConfig, type AgentConfig } from './config.ts';
import {
  generateIdentityKey,
  readIdentity,
  readNextIdentity,
  writeIdentity,
  writeNextIdentity,
  type Enrolled,
} from './credentials.ts';
import { presentKey } from './present-key.ts';
import { rotate } from './rotate.ts';
import { agentIdOf, rawPublicKey, succeeded } from './succession.ts';
import { trustOf } from './trust.ts';

vi.setConfig({ testTimeout: 30_000 });
afterEach(stopEverything);

async function identityIn(folder: string): Promise<Enrolled> {
  const identity = await readIdentity(folder);
  if (identity?.state !== 'enrolled') throw new Error('not enrolled');
  return identity;
}

/** As `Keys` makes it. */
function nextOf(identity: Enrolled, hubHost: string): Enrolled {
  const privateKey = generateIdentityKey();
  const agentId = agentIdOf(rawPublicKey(privateKey));
  return { ...identity, privateKey, agentId, formerKeys: succeeded(identity, privateKey, hubHost) };
}

function configOf(hub: AgentsDoor, folder: string): AgentConfig {
  return readConfig({ PHLIX_HUB_URL: hub.hubUrl, PHLIX_STATE_DIR: folder });
}

async function present(hub: AgentsDoor, identity: Enrolled): Promise<void> {
  const config = configOf(hub, '/nowhere');
  await presentKey({
    hub: config.hub,
    identity,
    trust: await trustOf(config, identity.caPem),
    epoch: undefined,
    software: 'test',
    deadlineMs: 5000,
    signal: AbortSignal.timeout(10_000),
  });
}

async function enrolled(
  hub: AgentsDoor,
  originPort?: number,
): Promise<{ agent: Running; folder: string }> {
  const folder = newFolder();
  const token = await hub.token({ label: 'movies' });
  const wish = { hubUrl: hub.hubUrl, token, folder };
  const agent = run(originPort === undefined ? wish : { ...wish, originPort });
  await online(hub, movies);
  return { agent, folder };
}

/** One of the two keys on the disk is the one that the hub knows. */
const crashes: Record<string, (hub: AgentsDoor, folder: string, next: Enrolled) => Promise<void>> =
  {
    'the key is on the disk, and the hub has not heard of it': async (_hub, folder, next) =>
      writeNextIdentity(folder, next),
    'the hub took it, and its answer was lost': async (hub, folder, next) => {
      await writeNextIdentity(folder, next);
      await present(hub, next);
    },
    'it was adopted, and the draft is still there': async (hub, folder, next) => {
      await writeNextIdentity(folder, next);
      await present(hub, next);
      await writeIdentity(folder, next);
    },
  };

const neverAlone = (): never => {
  throw new Error('an agent runs');
};

describe('a new key', () => {
  test('is made by the agent that runs; its streams go on, and the former key is refused', async () => {
    const hub = await door();
    const { agent, folder } = await enrolled(hub, await shoutingOrigin());
    const copy = newFolder();
    await cp(folder, copy, { recursive: true, filter: (path) => !path.endsWith('.sock') });
    const server = await online(hub, movies);
    const stream = server.openStream();
    stream.write('begun before, ');
    const before = (await identityIn(folder)).agentId;

    const { agentId, formerAgentId } = await rotate(neverAlone, folder);
    expect(formerAgentId).toBe(before);
    expect((await identityIn(folder)).agentId).toBe(agentId);
    expect(existsSync(join(folder, 'identity.next.json'))).toBe(false);

    // The links of the new key take the place of the former ones; what ran on those goes on.
    await vi.waitFor(
      () => {
        const links = (hub.tunnels.find(movies)?.links ?? []) as unknown as readonly {
          readonly agentId: string;
        }[];
        expect(links.map((link) => link.agentId)).toEqual([agentId, agentId]);
      },
      { timeout: 10_000 },
    );
    stream.end('ended after');
    const answer: Buffer[] = [];
    for await (const chunk of stream) answer.push(chunk as Buffer);
    expect(Buffer.concat(answer).toString()).toBe('BEGUN BEFORE, ENDED AFTER');
    expect(await shout(await online(hub, movies), 'again')).toBe('AGAIN');
    expect(agent.agent.status().lastFailure?.code).not.toBe('agent.key-rotated');

    const old = run({ hubUrl: hub.hubUrl, folder: copy });
    await expect(old.ended).resolves.toMatchObject({ end: 'stopped', exitCode: 77 });
    expect(await failureOf(old)).toMatchObject({ code: 'agent.key-rotated' });
    expect(agent.agent.status().state).toBe('connected');
  });

  test('ends the links of a copy that has put the agent out', async () => {
    const hub = await door();
    const { agent, folder } = await enrolled(hub);
    const copy = newFolder();
    await cp(folder, copy, { recursive: true, filter: (path) => !path.endsWith('.sock') });
    const thief = run({ hubUrl: hub.hubUrl, folder: copy });
    await vi.waitFor(() => expect(thief.agent.status().state).toBe('connected'));
    // The agent is put out, knocks once more, and so both are told of.
    await vi.waitFor(
      () => expect(hub.logged.some(({ msg }) => msg === 'two agents use one key')).toBe(true),
      { timeout: 10_000 },
    );
    const startedAt = performance.now();
    await rotate(neverAlone, folder);
    await expect(thief.ended).resolves.toMatchObject({ end: 'stopped', exitCode: 77 });
    expect(performance.now() - startedAt).toBeLessThan(5000);
    await agent.stop();
  });

  test.each(Object.entries(crashes))('survives a crash after this: %s', async (_step, crash) => {
    const hub = await door();
    const { agent, folder } = await enrolled(hub);
    await agent.stop();
    const next = nextOf(await identityIn(folder), new URL(hub.hubUrl).hostname);
    await crash(hub, folder, next);
    const again = run({ hubUrl: hub.hubUrl, folder });
    await vi.waitFor(() => expect(again.agent.status().state).toBe('connected'), {
      timeout: 10_000,
    });
    await vi.waitFor(async () => {
      expect((await identityIn(folder)).agentId).toBe(next.agentId);
      expect(await readNextIdentity(folder)).toBeUndefined();
    });
  });

  test('a hub that was restored from before it learns it again, through several changes', async () => {
    const stores = new MemoryStores();
    const hub = await door({ stores });
    const { agent, folder } = await enrolled(hub);
    const server = await online(hub, movies);
    const first = (await identityIn(folder)).agentId;
    const backup = {
      key: stores.agents.get(first),
      server: stores.byId.get(server.serverId),
    };
    await rotate(neverAlone, folder);
    const { agentId } = await rotate(neverAlone, folder);
    await agent.stop();

    stores.agents.clear();
    if (backup.key !== undefined) stores.agents.set(first, backup.key);
    if (backup.server !== undefined) stores.byId.set(server.serverId, backup.server);
    const again = run({ hubUrl: hub.hubUrl, folder });
    await vi.waitFor(() => expect(again.agent.status().state).toBe('connected'), {
      timeout: 10_000,
    });
    expect(stores.agents.get(first)).toMatchObject({ isRevoked: true, isReplaced: true });
    expect(stores.byId.get(server.serverId)).toMatchObject({ agentId });
  });
});

describe('no new key', () => {
  test('for who signs with a key that is not the present one', async () => {
    const hub = await door();
    const { folder, agent } = await enrolled(hub);
    await agent.stop();
    const identity = await identityIn(folder);
    const host = new URL(hub.hubUrl).hostname;
    const stranger = nextOf({ ...identity, privateKey: generateIdentityKey() }, host);
    await expect(present(hub, stranger)).rejects.toMatchObject({ code: 'rotate.refused' });
    const forged = nextOf(identity, 'another.example');
    await expect(present(hub, forged)).rejects.toMatchObject({ code: 'rotate.refused' });
    await expect(present(hub, nextOf(identity, host))).resolves.toBeUndefined();
    // A second successor of the same key is one too many.
    await expect(present(hub, nextOf(identity, host))).rejects.toMatchObject({
      code: 'rotate.refused',
    });
  });

  test('before there is a first one', async () => {
    const hub = await door();
    const folder = newFolder();
    await expect(rotate(() => configOf(hub, folder), folder)).rejects.toMatchObject({
      code: 'token.missing',
    });
  });
});
