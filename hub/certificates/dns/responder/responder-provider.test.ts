import { describe, expect, it } from 'vitest';

import { MemoryTxtRecordStore } from '../../../../test/support/memory-certificates.ts';
import { ResponderProvider } from './responder-provider.ts';
import type { ResponderSettings } from './settings.ts';

const settings: ResponderSettings = {
  listen: [],
  zones: ['acme.hub.test', 'films.test'],
  nameServers: [{ name: 'ns1.acme.hub.test', addresses: [] }],
  caa: [],
  texts: [],
  hosts: { names: [], domain: 'films.test', addresses: [] },
};
const { signal } = new AbortController();

describe('the provider of our own zone', () => {
  it('resolves when this process answers with the record', async () => {
    const store = new MemoryTxtRecordStore();
    const seen: number[] = [];
    const responder = { refresh: async () => void seen.push((await store.list()).length) };
    const provider = new ResponderProvider({ settings, store, responder });
    const record = { name: '_acme-challenge.films.test', value: 'proof' };
    await provider.add(record, signal);
    await provider.add(record, signal);
    await provider.remove(record, signal);
    await provider.remove(record, signal);
    expect(seen).toEqual([1, 1, 0, 0]);
  });

  it('stores for others where this process has no responder', async () => {
    const store = new MemoryTxtRecordStore();
    const provider = new ResponderProvider({ settings, store });
    await provider.add({ name: 'x.acme.hub.test', value: 'proof' }, signal);
    expect(await store.list()).toHaveLength(1);
  });

  it('refuses a name of another zone, and says which CNAME would lead it here', async () => {
    const store = new MemoryTxtRecordStore();
    const provider = new ResponderProvider({ settings, store });
    const record = { name: '_acme-challenge.hub.example.org', value: 'proof' };
    await expect(provider.add(record, signal)).rejects.toMatchObject({
      code: 'dns.zone-unknown',
      message: expect.stringContaining(
        '"_acme-challenge.hub.example.org. CNAME hub-example-org.acme.hub.test."',
      ) as string,
    });
    expect(await store.list()).toEqual([]);
  });

  it('does nothing once it is told to stop', async () => {
    const store = new MemoryTxtRecordStore();
    const provider = new ResponderProvider({ settings, store });
    const record = { name: 'x.acme.hub.test', value: 'proof' };
    await expect(provider.add(record, AbortSignal.abort())).rejects.toThrow('abort');
    expect(await store.list()).toEqual([]);
  });
});
