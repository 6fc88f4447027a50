import { afterEach, describe, expect, test } from 'vitest';

import { createLogger } from '../../shared/log.ts';
import { defaultSwitches, type Server, type ServerSwitches } from '../tunnels/server.ts';
import { WishedCertificates } from './wished-certificates.ts';

const settings = {
  hubHost: 'hub.example',
  tenantDomain: 'films.example',
  authority: 'https://one.example/dir',
  profile: undefined,
  challenge: 'http-01',
  domainChallenge: 'http-01',
} as const;

function serverOf(label: string | undefined, switches: Partial<ServerSwitches> = {}): Server {
  return {
    id: `id of ${label ?? 'nobody'}`,
    ownerId: 'operator',
    name: label ?? 'nobody',
    label,
    newOwnerSince: undefined,
    agentId: undefined,
    switches: { ...defaultSwitches, ...switches },
    createdAt: new Date(0),
    lastSeenAt: undefined,
    revokedAt: undefined,
  };
}

/** Two stores whose contents a test writes, and which tell of changes when it says so. */
class Stores {
  servers: Server[] = [];
  domains: { hostname: string; serverId: string }[] = [];
  isAway = false;
  failures = 0;
  readonly #watchers = new Set<(id: undefined) => void>();

  get ports() {
    const watch = async (onChange: (id: undefined) => void) => {
      this.#watchers.add(onChange);
      return async () => {
        this.#watchers.delete(onChange);
      };
    };
    return {
      servers: { watch, list: async () => this.#read(this.servers) },
      domains: { watch, listServed: async () => this.#read(this.domains) },
    };
  }

  tell(): void {
    for (const onChange of this.#watchers) onChange(undefined);
  }

  #read<Row>(rows: Row[]): Row[] {
    if (!this.isAway) return [...rows];
    this.failures += 1;
    throw new Error('database is away');
  }
}

const running: WishedCertificates[] = [];
afterEach(async () => {
  for (const wished of running.splice(0)) await wished.stop();
});

async function follow(stores: Stores, second?: string, recheckMs = 60_000) {
  const told: string[][] = [];
  const wished = new WishedCertificates({
    settings,
    second,
    stores: stores.ports,
    onWishes: async (wishes) => {
      told.push(wishes.map(({ names, authority }) => `${names.join(' ')} ${authority}`));
    },
    log: createLogger({ level: 'silent', name: 'test' }),
    times: { pauseMs: 5, recheckMs },
  });
  running.push(wished);
  await wished.start();
  return told;
}

const one = 'https://one.example/dir';
const two = 'https://two.example/dir';

describe('what is wished for', () => {
  test('is known at the start, and follows servers and domains', async () => {
    const stores = new Stores();
    stores.servers = [serverOf('movies'), serverOf(undefined)];
    const told = await follow(stores);
    expect(told).toEqual([[`hub.example ${one}`, `movies.films.example ${one}`]]);
    stores.domains = [{ hostname: 'films.alice.example', serverId: 'id of movies' }];
    stores.tell();
    await expect.poll(() => told.at(-1)).toContain(`films.alice.example ${one}`);
    stores.servers = [];
    stores.tell();
    await expect.poll(() => told.at(-1)).toEqual([`hub.example ${one}`]);
  });

  test('is a domain of a server that has no label, too', async () => {
    const stores = new Stores();
    stores.servers = [serverOf(undefined)];
    stores.domains = [{ hostname: 'films.alice.example', serverId: 'id of nobody' }];
    const told = await follow(stores);
    expect(told).toEqual([[`hub.example ${one}`, `films.alice.example ${one}`]]);
  });

  test('is of the second authority for whoever chose it, while there is one', async () => {
    const stores = new Stores();
    stores.servers = [serverOf('movies', { authority: 'second' })];
    expect((await follow(stores, two)).at(-1)).toContain(`movies.films.example ${two}`);
    expect((await follow(stores)).at(-1)).toContain(`movies.films.example ${one}`);
  });

  test('is read once for a crowd that comes together', async () => {
    const stores = new Stores();
    const told = await follow(stores);
    for (let i = 0; i < 500; i += 1) {
      stores.servers.push(serverOf(`server-${i}`));
      stores.tell();
    }
    await expect.poll(() => told.at(-1)?.length).toBe(501);
    expect(told).toHaveLength(2);
  });

  test('is asked for again when the database was away, and when nobody told of a change', async () => {
    const stores = new Stores();
    const told = await follow(stores, undefined, 20);
    stores.isAway = true;
    stores.servers = [serverOf('movies')];
    stores.tell();
    await expect.poll(() => stores.failures).toBeGreaterThan(1);
    stores.isAway = false;
    await expect.poll(() => told.at(-1)).toContain(`movies.films.example ${one}`);
    stores.servers = [];
    await expect.poll(() => told.at(-1)).toEqual([`hub.example ${one}`]);
  });
});
