import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

import { describe, expect, test } from 'vitest';

import {
  MemoryChallengeStore,
  MemoryTxtRecordStore,
} from '../../test/support/memory-certificates.ts';
import { createLogger } from '../../shared/log.ts';
import type { Environment } from '../../shared/settings/settings.ts';
import { readConfig } from '../config.ts';
import { openNameProofs, startResponder } from './name-proofs.ts';

const machine = { bindsLowPorts: true, stateFolder: '/nowhere', memoryBytes: 2 ** 33 };
const log = createLogger({ level: 'silent', name: 'test' });

function configured(environment: Environment = {}) {
  const config = readConfig(
    {
      HUB_TLS: 'acme',
      HUB_PUBLIC_URL: 'https://hub.example.org',
      HUB_TENANT_DOMAIN: 'films.example.net',
      HUB_ACME_AGREE_TERMS: '1',
      ...environment,
    },
    machine,
  );
  if (config.tls.kind !== 'acme') throw new Error('another kind of TLS');
  const stores = { challenges: new MemoryChallengeStore(), txtRecords: new MemoryTxtRecordStore() };
  return {
    config,
    tls: config.tls,
    stores,
    standingOf: async () => Promise.reject(new Error('asked by nobody')),
  };
}

describe('a name', () => {
  test('is proved at the doors without a provider, and in the DNS with one', () => {
    const { solverFor } = openNameProofs(configured());
    expect([solverFor('http-01').kind, solverFor('tls-alpn-01').kind]).toEqual([
      'http-01',
      'tls-alpn-01',
    ]);
    expect(() => solverFor('dns-01')).toThrow('set HUB_DNS_PROVIDER again');
    const hook = { HUB_DNS_PROVIDER: 'exec', HUB_DNS_EXEC_PATH: '/bin/true' };
    expect(openNameProofs(configured(hook)).solverFor('dns-01').kind).toBe('dns-01');
  });
});

describe('the responder', () => {
  test('is started for whoever wants it', async () => {
    const none = await startResponder({ ...configured(), sharing: 'alone', log });
    expect(none).toBeUndefined();
    const parts = configured(responder('127.0.0.1:0'));
    const started = await startResponder({ ...parts, sharing: 'alone', log });
    expect(started?.addresses).toEqual([{ address: '127.0.0.1', port: expect.any(Number) }]);
    await started?.stop();
  });

  test('at a port that another program has names its setting', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const parts = configured(responder(`127.0.0.1:${port}`));
    await expect(startResponder({ ...parts, sharing: 'alone', log })).rejects.toMatchObject({
      code: 'listen.in-use',
      message: expect.stringContaining('HUB_DNS_RESPONDER_LISTEN'),
    });
    other.close();
  });
});

function responder(listen: string): Environment {
  return {
    HUB_DNS_PROVIDER: 'responder',
    HUB_DNS_RESPONDER_ZONES: 'acme.example.org',
    HUB_DNS_RESPONDER_ADDRESSES: '192.0.2.7',
    HUB_DNS_RESPONDER_LISTEN: listen,
  };
}
