import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { TestDns, type Misbehaviour } from '../../../test/support/dns-server.ts';
import { Lookout } from './lookout.ts';
import { ResolverQuestions } from './resolver.ts';

const films = 'films.example.org';
const proof = 'phlix-verify=0123456789abcdef0123456789abcdef';
const never = new AbortController().signal;

let dns: TestDns;
let lookout: Lookout;
let now: Date;

beforeEach(async () => {
  now = new Date('2026-03-01T12:00:00Z');
  dns = await TestDns.start();
  dns.set('hub.example.net', 'A', '192.0.2.1');
  dns.set('hub.example.net', 'AAAA', '2001:db8::1');
  dns.set('*.phlix.media', 'A', '192.0.2.2');
  dns.set(films, 'CNAME', 'movies.phlix.media');
  dns.set(`_phlix.${films}`, 'TXT', proof);
  lookout = new Lookout({
    questions: new ResolverQuestions([dns.server]),
    own: { hubHost: 'hub.example.net', tenantDomain: 'phlix.media' },
    now: () => now,
  });
});

afterEach(() => dns.stop());

const expected = {
  targets: ['movies.phlix.media'],
  tokens: [proof.replace('phlix-verify=', '')],
};
const look = async () => lookout.look(films, expected, never);

/** In place of the alias that is there at first. */
function lead(...addresses: readonly string[]): void {
  dns.set(films, 'CNAME');
  dns.set(films, 'A', ...addresses.filter((address) => !address.includes(':')));
  dns.set(films, 'AAAA', ...addresses.filter((address) => address.includes(':')));
}

describe('a look', () => {
  test('finds the proof and an alias to the server’s own address', async () => {
    expect(await look()).toEqual({
      at: now,
      proofs: [proof],
      way: 'here',
      strangers: [],
      isSound: true,
    });
  });

  test.each([
    [['192.0.2.1'], 'the hub’s address'],
    [['192.0.2.2'], 'the address of the server’s name'],
    [['2001:DB8:0::1'], 'the hub’s IPv6 address, written otherwise'],
    [['192.0.2.1', '192.0.2.2', '2001:db8::1'], 'all of them'],
  ])('takes %j for the way here: %s', async (addresses) => {
    lead(...addresses);
    expect(await look()).toMatchObject({ way: 'here', strangers: [] });
  });

  test.each([
    [['203.0.113.7'], ['203.0.113.7'], 'another host'],
    [['192.0.2.1', '2001:db8::bad'], ['2001:db8::bad'], 'a forgotten IPv6 address beside ours'],
    [['192.0.2.1', '203.0.113.7'], ['203.0.113.7'], 'two hosts in turn'],
  ])('takes %j for another way, and names %j: %s', async (addresses, strangers) => {
    lead(...addresses);
    expect(await look()).toMatchObject({ way: 'elsewhere', strangers });
  });

  test('follows an alias of an alias by where it ends', async () => {
    dns.set(films, 'CNAME', 'www.example.org');
    dns.set('www.example.org', 'CNAME', 'hub.example.net');
    expect(await look()).toMatchObject({ way: 'here' });
  });

  test('is not led here by an alias that only looks like ours, nor by one that leads nowhere', async () => {
    dns.set(films, 'CNAME', 'movies.phlix.media.example.com');
    dns.set('movies.phlix.media.example.com', 'A', '203.0.113.7');
    expect(await look()).toMatchObject({ way: 'elsewhere' });
    dns.set(films, 'CNAME', 'notphlix.media');
    expect(await look()).toMatchObject({ way: 'nowhere' });
    dns.set('notphlix.media', 'A', '203.0.113.7');
    expect(await look()).toMatchObject({ way: 'elsewhere' });
    dns.set('*.phlix.media', 'A');
    dns.set(films, 'CNAME', 'movies.phlix.media');
    expect(await look()).toMatchObject({ way: 'nowhere' });
  });

  test('finds no proof where there is none, and none that is not ours', async () => {
    dns.set(`_phlix.${films}`, 'TXT', 'v=spf1 -all', `phlix-verify=${'x'.repeat(200)}`);
    expect((await look()).proofs).toEqual([]);
    dns.set(`_phlix.${films}`, 'TXT');
    expect((await look()).proofs).toEqual([]);
  });

  test('reads a proof in quotes, with blanks, and beside a hundred others that are not ours', async () => {
    const others = Array.from({ length: 20 }, (_, n) => `other-${n}`);
    dns.set(`_phlix.${films}`, 'TXT', ...others, ` "${proof}" `);
    expect((await look()).proofs).toEqual([proof]);
  });

  test('sees a change at once', async () => {
    await look();
    dns.set(`_phlix.${films}`, 'TXT', `${proof}2`);
    lead('203.0.113.7');
    expect(await look()).toMatchObject({ proofs: [`${proof}2`], way: 'elsewhere' });
  });

  test('asks for the hub’s own addresses once a minute', async () => {
    lead('192.0.2.1');
    await look();
    await look();
    expect(dns.asked.filter((question) => question === 'A hub.example.net')).toHaveLength(1);
    now = new Date(now.getTime() + 60_000);
    dns.set('hub.example.net', 'A', '192.0.2.9');
    expect(await look()).toMatchObject({ way: 'elsewhere', strangers: ['192.0.2.1'] });
  });
});

describe('a proof that the resolver does not know of', () => {
  let fresh: string[];
  let source: string[] | undefined;

  beforeEach(() => {
    fresh = [];
    source = [proof];
    const questions = new ResolverQuestions([dns.server]);
    lookout = new Lookout({
      own: { hubHost: 'hub.example.net', tenantDomain: 'phlix.media' },
      questions: {
        texts: async (...asked) => questions.texts(...asked),
        aliases: async (...asked) => questions.aliases(...asked),
        addresses: async (...asked) => questions.addresses(...asked),
        freshTexts: async (name) => {
          fresh.push(name);
          return source;
        },
      },
    });
  });

  test('is asked for at its source, and only then', async () => {
    await look();
    expect(fresh).toEqual([]);
    dns.set(`_phlix.${films}`, 'TXT');
    expect((await look()).proofs).toEqual([proof]);
    expect(fresh).toEqual([`_phlix.${films}`]);
  });

  test('is what the resolver says when its source is silent', async () => {
    dns.set(`_phlix.${films}`, 'TXT', 'phlix-verify=another');
    source = undefined;
    expect((await look()).proofs).toEqual(['phlix-verify=another']);
  });

  test('is gone when its source says so', async () => {
    dns.set(`_phlix.${films}`, 'TXT', 'phlix-verify=another');
    source = [];
    expect((await look()).proofs).toEqual([]);
  });
});

describe('a name server that is', () => {
  test.each<Misbehaviour>(['silent', 'garbage', 'servfail', 'refused', 'foreign'])(
    '%s says nothing about a domain, within seconds',
    async (how) => {
      dns.misbehave(films, how);
      const begun = performance.now();
      const { proofs, way, isSound } = await look();
      expect({ way, isSound }).toEqual({ way: 'unanswered', isSound: true });
      expect(proofs).toBeUndefined();
      expect(performance.now() - begun).toBeLessThan(10_000);
    },
  );

  test('silent for everything is the hub’s resolver', async () => {
    dns.misbehave('', 'silent');
    expect(await look()).toMatchObject({ way: 'unanswered', isSound: false });
  });

  test('silent costs no time once nobody waits any more', async () => {
    dns.misbehave('', 'silent');
    const leaving = new AbortController();
    const looking = lookout.look(films, expected, leaving.signal);
    leaving.abort();
    expect(await looking).toMatchObject({ way: 'unanswered' });
  });

  test('silent for IPv6 alone leaves the way open to question', async () => {
    lead('192.0.2.1');
    const questions = new ResolverQuestions([dns.server]);
    const halfDeaf = new Lookout({
      own: { hubHost: 'hub.example.net', tenantDomain: 'phlix.media' },
      questions: {
        texts: async (...asked) => questions.texts(...asked),
        aliases: async (...asked) => questions.aliases(...asked),
        addresses: async (name, signal) =>
          name === films ? undefined : questions.addresses(name, signal),
      },
    });
    expect(await halfDeaf.look(films, expected, never)).toMatchObject({ way: 'unanswered' });
  });
});
