import type { Answer } from 'dns-packet';
import { afterEach, expect, test } from 'vitest';

import { startNameServer, type NameServer } from '../../test/support/name-server.ts';
import { openDomainQuestions } from './domain-questions.ts';

const name = '_phlix.films.example.org';
const never = new AbortController().signal;
const servers: NameServer[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

const records: Record<string, Answer> = {
  'SOA example.org': {
    type: 'SOA',
    name: 'example.org',
    data: { mname: 'ns.example.org', rname: 'hostmaster.example.org', serial: 1 },
  },
  'NS example.org': { type: 'NS', name: 'example.org', data: 'ns.example.org' },
  'A ns.example.org': { type: 'A', name: 'ns.example.org', data: '127.0.0.2' },
};

/** A resolver that remembers that the record was not there, and the zone's own server, which has it. */
async function zone({ isSilent = false } = {}) {
  const resolver = await startNameServer(({ type, name }) => {
    const record = records[`${type} ${name}`];
    return record === undefined ? { rcode: 3 } : { answers: [record] };
  });
  const source = await startNameServer(
    () => (isSilent ? undefined : { answers: [{ type: 'TXT', name, data: 'fresh' }] }),
    { host: '127.0.0.2', port: resolver.port },
  );
  servers.push(resolver, source);
  return {
    dnsResolvers: [`127.0.0.1:${resolver.port}`],
    asksResolversOnly: false,
    serverPort: resolver.port,
  };
}

test('what a resolver does not know yet is known at its source', async () => {
  const questions = openDomainQuestions(await zone());
  expect(await questions.texts(name, never)).toEqual([]);
  expect(await questions.freshTexts?.(name, never)).toEqual(['fresh']);
});

test('a source that is silent is no answer, and costs what the asker has patience for', async () => {
  const questions = openDomainQuestions(await zone({ isSilent: true }));
  const begun = performance.now();
  expect(await questions.freshTexts?.(name, AbortSignal.timeout(300))).toBeUndefined();
  expect(performance.now() - begun).toBeLessThan(3000);
});

test('where only resolvers can be reached nobody else is asked', async () => {
  const questions = openDomainQuestions({ ...(await zone()), asksResolversOnly: true });
  expect('freshTexts' in questions).toBe(false);
});
