import { describe, expect, test } from 'vitest';

import { wishesOf, wishKey, type NamedServer, type WishSettings } from './wishes.ts';

const settings: WishSettings = {
  hubHost: 'hub.example',
  tenantDomain: 'films.example',
  authority: 'https://ca.example/dir',
  profile: 'tlsserver',
  challenge: 'http-01',
  domainChallenge: 'http-01',
};
const byDns: WishSettings = { ...settings, challenge: 'dns-01', domainChallenge: 'tls-alpn-01' };
const server: NamedServer = {
  id: 'server 1',
  label: 'movies',
  certificateKey: 'ecdsa',
  authority: undefined,
};
const namesOf = (...wishes: Parameters<typeof wishesOf>): string[] =>
  wishesOf(...wishes).map(({ names, keyKind }) => `${keyKind} ${names.join(' ')}`);

describe('what a hub wishes for', () => {
  test('by DNS is its own name, and one wildcard with both kinds of key, whatever the number of servers', () => {
    expect(namesOf(byDns, [server, { ...server, id: '2', label: 'series' }], [])).toEqual([
      'ecdsa hub.example',
      'ecdsa *.films.example films.example',
      'rsa *.films.example films.example',
    ]);
  });

  test('by DNS is the wildcard alone where that covers the hub’s own name', () => {
    const hubHost = 'hub.films.example';
    expect(namesOf({ ...byDns, hubHost }, [], [])).not.toContain(`ecdsa ${hubHost}`);
    expect(namesOf({ ...byDns, hubHost: 'films.example' }, [], [])).toHaveLength(2);
  });

  test('without DNS is a certificate for each name', () => {
    const wishes = wishesOf(settings, [server], []);
    expect(wishes.map(({ names, serverId }) => [...names, serverId])).toEqual([
      ['hub.example', undefined],
      ['movies.films.example', 'server 1'],
    ]);
    expect(wishes.every(({ challenge }) => challenge === 'http-01')).toBe(true);
  });

  test('for a server whose owner asked for RSA is both kinds', () => {
    expect(namesOf(settings, [{ ...server, certificateKey: 'rsa' }], [])).toEqual([
      'ecdsa hub.example',
      'ecdsa movies.films.example',
      'rsa movies.films.example',
    ]);
  });

  test('for a server with an authority of its own is a certificate from there, beside the wildcard', () => {
    const authority = 'https://other.example/dir';
    const [, , , own] = wishesOf(byDns, [{ ...server, authority }], []);
    expect(own).toMatchObject({
      names: ['movies.films.example'],
      authority,
      // A word of the other authority.
      profile: undefined,
      challenge: 'dns-01',
    });
  });

  test('for an owner’s domain is proved without DNS, and belongs to its server', () => {
    const domains = [{ hostname: 'Films.Owner.example', serverId: 'server 1' }];
    const wish = wishesOf(byDns, [server], domains).at(-1);
    expect(wish).toMatchObject({
      names: ['films.owner.example'],
      challenge: 'tls-alpn-01',
      serverId: 'server 1',
    });
  });

  test('for a domain whose server is gone is nothing', () => {
    const domains = [{ hostname: 'films.owner.example', serverId: 'nobody' }];
    expect(namesOf(settings, [], domains)).toEqual(['ecdsa hub.example']);
  });

  test('is said once for each, with names in one order', () => {
    const wishes = wishesOf({ ...settings, hubHost: 'movies.films.example' }, [server], []);
    expect(wishes).toHaveLength(1);
    const keys = wishesOf(byDns, [server], []).map(wishKey);
    expect(new Set(keys).size).toBe(keys.length);
  });
});
