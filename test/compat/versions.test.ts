import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';

import * as fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';

import { readConfig } from '../../agent/config.ts';
import { agentLooks } from '../../agent/doctor/agent-looks.ts';
import { Surroundings } from '../../agent/doctor/surroundings.ts';
import { originAddress, originUrl } from '../../agent/origin-address.ts';
import { describeStatus } from '../../agent/status-text.ts';
import { readStatus } from '../../agent/status.ts';
import { commonVersion, protocolVersions, type VersionRange } from '../../shared/wire/hello.ts';
import type { AgentsDoor } from '../support/agents-door.ts';
import { enrolled, handshake, openDoor, putAway, upgrade } from '../support/knocking-agent.ts';
import { selfSigned } from '../support/self-signed.ts';
import {
  atTheEnd,
  door,
  failureOf,
  movies,
  online,
  run,
  shout,
  shoutingOrigin,
  stopEverything,
} from '../support/running-agent.ts';

vi.setConfig({ testTimeout: 30_000 });
afterEach(async () => {
  await stopEverything();
  await putAway();
});

const present = protocolVersions.max;
/** A hub, or an agent, of the release before this one, of this one and of the one after it. */
const previous = { min: present - 1, max: present };
const next = { min: present, max: present + 1 };

test('the version is the highest that both ranges hold; there is none where they do not meet', () => {
  const range = fc
    .tuple(fc.nat(9), fc.nat(9))
    .map(([one, other]) => ({ min: Math.min(one, other), max: Math.max(one, other) }));
  fc.assert(
    fc.property(range, range, (hub, agent) => {
      const offer = { minVersion: hub.min, maxVersion: hub.max };
      const all = Array.from({ length: 10 }, (_, version) => version);
      const both = all.filter((version) =>
        [hub, agent].every(({ min, max }) => version >= min && version <= max),
      );
      expect(commonVersion(offer, agent)).toBe(both.at(-1));
    }),
  );
});

describe('this agent', () => {
  test.each([
    ['speaks the previous version too', previous],
    ['speaks the next version too', next],
  ])('serves at a hub that %s', async (_what, versions) => {
    const hub = await door({ versions });
    const token = await hub.token({ label: 'movies' });
    run({ hubUrl: hub.hubUrl, token, originPort: await shoutingOrigin() });
    expect(await shout(await online(hub, movies), 'hello')).toBe('HELLO');
  });

  test.each([
    ['this hub', {}, 'origin-untrusted'],
    ['a hub that has no word for it', { highestResetCode: 7 }, 'origin-unreachable'],
  ])(
    'says to %s that it refuses the certificate of its origin',
    async (_what, settings, reason) => {
      const hub = await door(settings);
      const server = createServer(await selfSigned('nas.localhost')).listen(0, '127.0.0.1');
      atTheEnd(() => server.close());
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const url = originUrl.parse(`https://127.0.0.1:${port}`);
      const origin = originAddress({ PHLIX_ORIGIN_URL: url });
      run({ hubUrl: hub.hubUrl, token: await hub.token(), config: { origin } });
      const [error] = (await once((await online(hub, movies)).openStream(), 'error')) as unknown[];
      expect(error).toMatchObject({ code: 'stream.reset', reason });
    },
  );

  test.each([
    ['older', { min: present - 1, max: present - 1 }, 'have the hub updated'],
    ['newer', { min: present + 1, max: present + 2 }, 'update this agent'],
  ])('says who has to update where the hub is %s', async (_what, versions, remedy) => {
    const hub = await door({ versions });
    const agent = run({ hubUrl: hub.hubUrl, token: await hub.token() });
    const failure = await failureOf(agent);
    expect(failure).toMatchObject({ code: 'link.version' });
    expect(failure.message).toContain(`share no version of the tunnel, for the hub speaks version`);
    const said = `this agent version ${present}: ${remedy}; until then`;
    expect(failure.message).toContain(said);
    // It stays, slowly: a hub that is updated finds it again without anybody going there.
    expect(agent.agent.status()).toMatchObject({ state: 'connecting' });
    // Its owner reads it wherever he looks: in the log, in phlix-agent status, and in phlix-agent doctor as what to do.
    const told = () => agent.logged.find(({ msg }) => msg === 'not connected');
    await expect.poll(told).toMatchObject({ level: 'error', err: { message: failure.message } });
    expect(describeStatus(await readStatus(agent.folder), agent.folder)).toContain(said);
    const here = { PHLIX_HUB_URL: hub.hubUrl, PHLIX_STATE_DIR: agent.folder };
    const verdict = await agentLooks['agent.running'](
      new Surroundings(readConfig(here), () => undefined),
    );
    const [first = '', ...rest] = remedy;
    expect(verdict).toMatchObject({
      state: 'failure',
      remedy: `${first.toUpperCase()}${rest.join('')}; until then it asks again every few minutes.`,
    });
  });
});

describe('this hub', () => {
  test.each([
    ['the previous version too', previous],
    ['the next version too', next],
  ])('serves an agent that speaks %s', async (_what, versions) => {
    const hub = await openDoor();
    expect(await spokenBy(hub, versions)).toBe(present);
  });

  test('is told no by an agent that shares no version, and hears no hello', async () => {
    const hub = await openDoor();
    const versions = { min: present + 1, max: present + 1 };
    expect(await spokenBy(hub, versions)).toMatchObject({ code: 'handshake.version' });
    expect(hub.tunnels.find('movies.phlix.localhost')?.links ?? []).toEqual([]);
  });

  test('refuses a hello whose version is not the one that was signed: nobody in between lowers it', async () => {
    const hub = await openDoor({ versions: next });
    const key = await enrolled(hub);
    const lie = { versions: next, signedVersion: present };
    await expect(handshake(await upgrade(hub), key, lie)).rejects.toMatchObject({
      reason: 'unauthorised',
    });
  });
});

async function spokenBy(hub: AgentsDoor, versions: VersionRange): Promise<unknown> {
  const key = await enrolled(hub);
  return handshake(await upgrade(hub), key, { versions }).then(
    ({ version }) => version,
    (error: unknown) => error,
  );
}
