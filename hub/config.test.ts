import { describe, expect, test } from 'vitest';

import { SettingsError, type Environment } from '../shared/settings/settings.ts';
import { publicUrlOf, readConfig, type HubConfig } from './config.ts';
import { defaultApiLimits } from './api/limits.ts';
import { defaultEdgeLimits } from './edge/limits.ts';
import { defaultGatewayLimits } from './gateway/limits.ts';
import { defaultNameLimits } from './tunnels/limits.ts';
import { thisMachine } from './process/machine.ts';

const memoryBytes = 2 ** 33;
const unprivileged = {
  bindsLowPorts: false,
  stateFolder: '/home/me/.local/state/phlix-hub',
  memoryBytes,
};
const privileged = { bindsLowPorts: true, stateFolder: '/var/lib/phlix-hub', memoryBytes };

function read(environment: Environment): HubConfig {
  return readConfig(environment, unprivileged);
}

function problemsOf(environment: Environment): readonly string[] {
  try {
    read(environment);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems.map(({ name }) => name);
    throw error;
  }
  return [];
}

describe('the defaults', () => {
  test('are a trial on this machine, at ports that this user may open', () => {
    expect(read({})).toMatchObject({
      hubHost: 'hub.localhost',
      tenantDomain: 'phlix.localhost',
      dataDir: '/home/me/.local/state/phlix-hub',
      databaseUrl: undefined,
      httpsListen: { host: undefined, port: 8443 },
      httpListen: { host: undefined, port: 8080 },
      tunnelListen: { host: undefined, port: 8802 },
      metricsListen: { host: '127.0.0.1', port: 9464 },
      tls: { kind: 'local-ca' },
      logLevel: 'info',
      drainTimeoutMs: 30_000,
      resumeTimeoutMs: 60_000,
      pingIntervalMs: 15_000,
      pingDeadlineMs: 10_000,
      edgeLimits: defaultEdgeLimits,
      gatewayLimits: defaultGatewayLimits,
      apiLimits: defaultApiLimits,
      nameLimits: defaultNameLimits,
      unusedSettings: [],
      unknownSettings: [],
    });
    expect(publicUrlOf(read({})).href).toBe('https://hub.localhost:8443/');
  });

  test('with privilege are the usual ports, and the address shows none', () => {
    const config = readConfig({}, privileged);
    expect([config.httpsListen?.port, config.httpListen?.port]).toEqual([443, 80]);
    expect(publicUrlOf(config).href).toBe('https://hub.localhost/');
  });

  test('follow the port that the system chose', () => {
    expect(publicUrlOf(read({ HUB_HTTPS_LISTEN: ':0' }), 4321).host).toBe('hub.localhost:4321');
  });

  test('come from this machine', () => {
    expect(thisMachine({ XDG_STATE_HOME: '/x' }).stateFolder).toMatch(/\/phlix-hub$/);
  });
});

describe('each setting', () => {
  const cases: [name: string, value: string, part: object][] = [
    ['HUB_PUBLIC_URL', 'https://Hub.Example.org:8443', { hubHost: 'hub.example.org' }],
    ['HUB_TENANT_DOMAIN', 'Films.Example.', { tenantDomain: 'films.example' }],
    ['HUB_DATA_DIR', '/srv/hub', { dataDir: '/srv/hub' }],
    ['HUB_HTTPS_LISTEN', '127.0.0.1:0', { httpsListen: { host: '127.0.0.1', port: 0 } }],
    ['HUB_HTTP_LISTEN', '[::1]:81', { httpListen: { host: '::1', port: 81 } }],
    ['HUB_HTTP_LISTEN', 'off', { httpListen: undefined }],
    ['HUB_TUNNEL_LISTEN', ':9000', { tunnelListen: { host: undefined, port: 9000 } }],
    ['HUB_METRICS_LISTEN', '[::1]:0', { metricsListen: { host: '::1', port: 0 } }],
    ['HUB_METRICS_LISTEN', 'off', { metricsListen: undefined }],
    ['HUB_TLS', 'local-ca', { tls: { kind: 'local-ca' } }],
    ['HUB_LOG_LEVEL', 'debug', { logLevel: 'debug' }],
    ['HUB_DRAIN_TIMEOUT', '5m', { drainTimeoutMs: 300_000 }],
    ['HUB_RESUME_TIMEOUT', '0', { resumeTimeoutMs: 0 }],
    ['HUB_PING_INTERVAL', '20s', { pingIntervalMs: 20_000 }],
    ['HUB_PING_DEADLINE', '500ms', { pingDeadlineMs: 500 }],
    ['HUB_LIMIT_HELLO_TIMEOUT', '7s', { edgeLimits: { helloTimeoutMs: 7000 } }],
    ['HUB_LIMIT_HANDSHAKE_TIMEOUT', '7s', { edgeLimits: { handshakeTimeoutMs: 7000 } }],
    ['HUB_LIMIT_HEAD_TIMEOUT', '7s', { edgeLimits: { headTimeoutMs: 7000 } }],
    ['HUB_LIMIT_HEAD_SIZE', '64KiB', { edgeLimits: { headBytes: 65_536 } }],
    ['HUB_LIMIT_TARGET_SIZE', '8KiB', { edgeLimits: { targetBytes: 8192 } }],
    ['HUB_LIMIT_FIELDS', '50', { edgeLimits: { fields: 50 } }],
    ['HUB_LIMIT_IDLE_BODY', '1h', { edgeLimits: { idleBodyMs: 3_600_000 } }],
    ['HUB_LIMIT_KEEP_ALIVE', '90s', { edgeLimits: { keepAliveMs: 90_000 } }],
    ['HUB_LIMIT_CONNECTIONS_PER_ADDRESS', '7', { edgeLimits: { connectionsPerAddress: 7 } }],
    ['HUB_LIMIT_CONNECTIONS_PER_TUNNEL', '7', { edgeLimits: { connectionsPerTunnel: 7 } }],
    ['HUB_LIMIT_REDIRECT_CONNECTIONS', '7', { edgeLimits: { redirectConnections: 7 } }],
    ['HUB_LIMIT_STREAMS_PER_TUNNEL', '7', { edgeLimits: { streamsPerTunnel: 7 } }],
    ['HUB_LIMIT_STREAMS_PER_VISITOR', '7', { edgeLimits: { streamsPerVisitor: 7 } }],
    ['HUB_LIMIT_MEMORY', '1GiB', { memoryLimitBytes: 2 ** 30 }],
    ['HUB_LIMIT_LINKS_PER_AGENT', '3', { gatewayLimits: { linksPerAgent: 3 } }],
    ['HUB_LIMIT_AGENT_ARRIVALS', '7', { gatewayLimits: { arrivalsPerSecond: 7 } }],
    ['HUB_LIMIT_H2_STREAMS', '7', { edgeLimits: { h2Streams: 7 } }],
    ['HUB_LIMIT_H2_RESET_BURST', '70', { edgeLimits: { h2ResetBurst: 70 } }],
    ['HUB_LIMIT_H2_RESETS_PER_SECOND', '7', { edgeLimits: { h2ResetsPerSecond: 7 } }],
    ['HUB_LIMIT_H2_STREAM_WINDOW', '1MiB', { edgeLimits: { h2StreamWindowBytes: 1_048_576 } }],
    ['HUB_LIMIT_H2_SESSION_WINDOW', '2MiB', { edgeLimits: { h2SessionWindowBytes: 2_097_152 } }],
    ['HUB_LIMIT_H2_SESSION_MEMORY', '32MiB', { edgeLimits: { h2SessionMegabytes: 32 } }],
    ['HUB_LIMIT_H2_PING', '7s', { edgeLimits: { h2PingMs: 7000 } }],
    ['HUB_LIMIT_AGENT_HANDSHAKE_TIMEOUT', '7s', { gatewayLimits: { handshakeTimeoutMs: 7000 } }],
    ['HUB_LIMIT_AGENT_HANDSHAKES', '7', { gatewayLimits: { handshakesWhenLate: 7 } }],
    ['HUB_LIMIT_AGENT_TIMEOUT', '7s', { gatewayLimits: { authenticationTimeoutMs: 7000 } }],
    [
      'HUB_LIMIT_AGENT_CONNECTIONS_PER_ADDRESS',
      '7',
      { gatewayLimits: { connectionsPerAddress: 7 } },
    ],
    ['HUB_LIMIT_AGENT_FAILURES', '7', { gatewayLimits: { failuresPerMinute: 7 } }],
    ['HUB_LIMIT_AGENT_STREAMS', '7', { gatewayLimits: { streamsPerSession: 7 } }],
    ['HUB_LIMIT_H2_IDLE', '7s', { edgeLimits: { h2IdleMs: 7000 } }],
    ['HUB_LIMIT_ENROL_NONCE', '7s', { apiLimits: { enrolNonceMs: 7000 } }],
    ['HUB_LIMIT_ENROL_SIZE', '2KiB', { apiLimits: { enrolBytes: 2048 } }],
    ['HUB_LIMIT_ENROL_TIMEOUT', '7s', { apiLimits: { enrolTimeoutMs: 7000 } }],
    ['HUB_LIMIT_NAMES_PER_OWNER', '7', { nameLimits: { namesPerOwner: 7 } }],
    ['HUB_LIMIT_NAME_CHANGES_PER_DAY', '7', { nameLimits: { changesPerDay: 7 } }],
  ];
  test.each(cases)('%s=%s is read', (name, value, part) => {
    expect(read({ [name]: value })).toMatchObject(part);
  });

  test('streams that no agent would accept are refused, with what bounds them', () => {
    expect(problemsOf({ HUB_LIMIT_AGENT_STREAMS: '1024' })).toEqual([]);
    expect(problemsOf({ HUB_LIMIT_AGENT_STREAMS: '1025' })).toEqual(['HUB_LIMIT_AGENT_STREAMS']);
    expect(problemsOf({ HUB_LIMIT_STREAMS_PER_TUNNEL: '8192' })).toEqual([]);
    expect(problemsOf({ HUB_LIMIT_STREAMS_PER_TUNNEL: '8193' })).toEqual([
      'HUB_LIMIT_STREAMS_PER_TUNNEL',
    ]);
    const bounded = { HUB_LIMIT_AGENT_STREAMS: '100', HUB_LIMIT_LINKS_PER_AGENT: '2' };
    expect(read({ ...bounded, HUB_LIMIT_STREAMS_PER_TUNNEL: '200' })).toBeDefined();
    expect(() => read({ ...bounded, HUB_LIMIT_STREAMS_PER_TUNNEL: '201' })).toThrow(
      'at most 200: an agent may hold 2 links (HUB_LIMIT_LINKS_PER_AGENT) of 100 streams each',
    );
  });

  test('a limit that another one keeps from being reached is refused, and a default gives way', () => {
    expect(problemsOf({ HUB_LIMIT_HEAD_SIZE: '8192', HUB_LIMIT_TARGET_SIZE: '8193' })).toEqual([
      'HUB_LIMIT_TARGET_SIZE',
    ]);
    const few = { HUB_LIMIT_STREAMS_PER_TUNNEL: '7' };
    expect(problemsOf({ ...few, HUB_LIMIT_STREAMS_PER_VISITOR: '8' })).toEqual([
      'HUB_LIMIT_STREAMS_PER_VISITOR',
    ]);
    const { edgeLimits } = read({ ...few, HUB_LIMIT_HEAD_SIZE: '8192' });
    expect([edgeLimits.streamsPerVisitor, edgeLimits.targetBytes]).toEqual([7, 8192]);
    const bounded = { HUB_LIMIT_AGENT_STREAMS: '100', HUB_LIMIT_LINKS_PER_AGENT: '1' };
    expect(read(bounded).edgeLimits.streamsPerTunnel).toBe(100);
  });

  test('HUB_DATABASE_URL is a secret, whose placeholder password is refused', () => {
    const url = 'postgresql://hub:8Q2mXv0tJ6sLw3@db.example/hub';
    const config = read({ HUB_DATABASE_URL: url });
    expect(config.databaseUrl?.reveal()).toBe(url);
    expect(JSON.stringify(config)).not.toContain('8Q2mXv0tJ6sLw3');
    expect(problemsOf({ HUB_DATABASE_URL: 'postgresql://hub:ChangeMe@db.example/hub' })).toEqual([
      'HUB_DATABASE_URL',
    ]);
    expect(problemsOf({ HUB_DATABASE_URL: 'mysql://hub@db.example/hub' })).toEqual([
      'HUB_DATABASE_URL',
    ]);
  });

  test('HUB_TLS=files takes as many keys as certificates', () => {
    const files = { HUB_TLS: 'files', HUB_TLS_CERT_FILE: '/a.pem, /b.pem' };
    expect(read({ ...files, HUB_TLS_KEY_FILE: '/a.key,/b.key' }).tls).toEqual({
      kind: 'files',
      pairs: [
        { chainPath: '/a.pem', keyPath: '/a.key' },
        { chainPath: '/b.pem', keyPath: '/b.key' },
      ],
    });
    expect(problemsOf({ ...files, HUB_TLS_KEY_FILE: '/a.key' })).toEqual(['HUB_TLS_KEY_FILE']);
    expect(problemsOf({ HUB_TLS: 'files' })).toEqual(['HUB_TLS_CERT_FILE']);
    expect(problemsOf({ HUB_TLS_CERT_FILE: '/a.pem' })).toEqual(['HUB_TLS']);
  });

  test('HUB_PROXY_PROTOCOL needs somebody who is believed', () => {
    expect(read({}).isProxied).toBe(false);
    expect(problemsOf({ HUB_PROXY_PROTOCOL: '1' })).toEqual(['HUB_PROXY_PROTOCOL']);
    const both = { HUB_PROXY_PROTOCOL: '1', HUB_TRUSTED_PROXIES: '192.0.2.7' };
    expect(read(both).isProxied).toBe(true);
  });

  test('HUB_TRUSTED_PROXIES are few: a wide network needs a word more, the whole internet is refused', () => {
    const networks = '192.0.2.7, 10.0.0.0/24,2001:db8::/56';
    const { trustedProxies } = read({ HUB_TRUSTED_PROXIES: networks });
    expect(
      ['192.0.2.7', '10.0.0.9', '2001:db8::1', '10.0.1.1'].map((a) => trustedProxies.has(a)),
    ).toEqual([true, true, true, false]);
    const wide = { HUB_TRUSTED_PROXIES: '172.16.0.0/12' };
    expect(problemsOf(wide)).toEqual(['HUB_TRUSTED_PROXIES']);
    expect(problemsOf({ ...wide, HUB_TRUSTED_PROXIES_ALLOW_WIDE: '1' })).toEqual([]);
    for (const wrong of [
      '0.0.0.0/0',
      '::/0',
      '10.0.0.1/24',
      '10.1',
      'proxy.example',
      '1.2.3.4,,',
    ]) {
      const environment = { HUB_TRUSTED_PROXIES: wrong, HUB_TRUSTED_PROXIES_ALLOW_WIDE: '1' };
      expect(problemsOf(environment)).toEqual(['HUB_TRUSTED_PROXIES']);
    }
  });

  test('HUB_TRUSTED_NETWORKS are as wide as a company, and not everybody', () => {
    expect(read({}).trustedNetworks.has('127.0.0.1')).toBe(false);
    const { trustedNetworks } = read({ HUB_TRUSTED_NETWORKS: '10.0.0.0/8' });
    expect([trustedNetworks.has('10.9.8.7'), trustedNetworks.has('11.0.0.1')]).toEqual([
      true,
      false,
    ]);
    for (const wrong of ['0.0.0.0/0', '::/0', '10.0.0.1/8'])
      expect(problemsOf({ HUB_TRUSTED_NETWORKS: wrong })).toEqual(['HUB_TRUSTED_NETWORKS']);
  });

  test('what is done about travels needs a map to see them by', () => {
    expect(read({}).travel).toMatchObject({ mapFile: undefined, action: 'challenge' });
    expect(problemsOf({ HUB_TRAVEL: 'block' })).toEqual(['HUB_TRAVEL']);
    const { travel } = read({ HUB_TRAVEL: 'block', HUB_GEOIP_DB: '/srv/city.mmdb' });
    expect(travel).toMatchObject({ mapFile: '/srv/city.mmdb', action: 'block' });
  });
});

describe('what cannot work is refused', () => {
  const cases: [name: string, ...values: string[]][] = [
    [
      'HUB_PUBLIC_URL',
      'http://hub.example',
      'https://192.0.2.7',
      'https://[::1]',
      'https://hub.example/path',
      'https://me:pw@hub.example',
      'hub.example',
      'https://hub_1.example',
    ],
    ['HUB_TENANT_DOMAIN', 'https://films.example', '*.films.example', 'localhost', '192.0.2.7'],
    ['HUB_TLS', 'on', 'off'],
    ['HUB_HTTPS_LISTEN', 'off', 'hub.example:443', '443'],
    ['HUB_HTTP_LISTEN', 'of', '80'],
    ['HUB_LOG_LEVEL', 'verbose'],
    ['HUB_DRAIN_TIMEOUT', '30', 'soon'],
    ['HUB_LIMIT_FIELDS', '0', 'many'],
  ];
  test.each(cases)('%s', (name, ...values) => {
    for (const value of values) expect(problemsOf({ [name]: value })).toEqual([name]);
  });

  test('a tenant domain that is the hub itself', () => {
    const both = { HUB_PUBLIC_URL: 'https://hub.example', HUB_TENANT_DOMAIN: 'hub.example' };
    expect(problemsOf(both)).toEqual(['HUB_TENANT_DOMAIN']);
  });

  test('misspelt names, and the agent settings beside ours are not meant', () => {
    expect(problemsOf({ HUB_PUBLC_URL: 'https://hub.example' })).toEqual(['HUB_PUBLC_URL']);
    expect(problemsOf({ PHLIX_HUB_URL: 'https://hub.example', PHLIX_LOG_LEVEL: 'info' })).toEqual(
      [],
    );
  });

  test('settings of later versions are named, not refused', () => {
    expect(read({ HUB_NATS_URL: 'nats://x' }).unusedSettings).toEqual(['HUB_NATS_URL']);
    const secret = { HUB_SECRET_KEY: 'k0v5yT8mWqZr3nXs7bLd2fGh6jPc9aEu' };
    expect(read(secret).unusedSettings).toEqual([]);
  });
});
