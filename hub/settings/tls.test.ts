import { describe, expect, test } from 'vitest';

import { SettingsError, type Environment } from '../../shared/settings/settings.ts';
import { agentUrlOf, publicUrlOf, readConfig } from '../config.ts';

const machine = { bindsLowPorts: true, stateFolder: '/var/lib/phlix-hub', memoryBytes: 2 ** 33 };
const read = (environment: Environment) =>
  readConfig({ HUB_TLS: 'proxy', ...environment }, machine);

function problemsOf(environment: Environment): readonly string[] {
  try {
    read(environment);
    return [];
  } catch (error) {
    if (error instanceof SettingsError) return error.problems.map(({ name }) => name);
    throw error;
  }
}

/** Security row E-06. */
describe('HUB_TLS=proxy', () => {
  const trusted = { HUB_TRUSTED_PROXIES: '192.0.2.7' };

  test.each([
    ['everywhere, for anybody', {}, ['HUB_TRUSTED_PROXIES']],
    ['at an address of a network', { HUB_HTTP_LISTEN: '192.0.2.1:80' }, ['HUB_TRUSTED_PROXIES']],
    ['everywhere, for IPv6 too', { HUB_HTTP_LISTEN: '[::]:80' }, ['HUB_TRUSTED_PROXIES']],
    ['at no port', { ...trusted, HUB_HTTP_LISTEN: 'off' }, ['HUB_HTTP_LISTEN']],
    ['everywhere, for proxies that are named', trusted, []],
    ['on loopback, for this machine', { HUB_HTTP_LISTEN: '127.0.0.1:8080' }, []],
    ['on IPv6 loopback', { HUB_HTTP_LISTEN: '[::1]:8080' }, []],
    [
      'with a certificate and no key',
      { ...trusted, HUB_TLS_CERT_FILE: '/a' },
      ['HUB_TLS_KEY_FILE'],
    ],
  ])('plain HTTP %s', (_, settings, problems) => {
    expect(problemsOf(settings)).toEqual(problems);
  });

  test('opens no door with TLS for visitors unless one is asked for', () => {
    expect(read(trusted).httpsListen).toBeUndefined();
    expect(read({ ...trusted, HUB_HTTPS_LISTEN: ':8443' }).httpsListen?.port).toBe(8443);
  });

  test('ends TLS for agents with its own authority, or with files', () => {
    expect(read(trusted)).toMatchObject({ isBehindTls: true, tls: { kind: 'local-ca' } });
    const files = { HUB_TLS_CERT_FILE: '/a.pem', HUB_TLS_KEY_FILE: '/a.key' };
    expect(read({ ...trusted, ...files }).tls).toMatchObject({ kind: 'files' });
  });

  test('sends agents to the port of tunnels, and people to the address of the proxy', () => {
    const config = read({ ...trusted, HUB_PUBLIC_URL: 'https://hub.example.org' });
    expect(agentUrlOf(config)).toBe('https://hub.example.org:8802');
    expect(publicUrlOf(config).origin).toBe('https://hub.example.org');
  });
});
