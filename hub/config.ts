// The environment arrives; the hub's settings leave, checked against each other. README lists them with their defaults.

import { isIP } from 'node:net';
import { join } from 'node:path';

import { z } from 'zod';

import type { ListenAddress } from '../shared/listen-address.ts';
import { logLevels, type LogLevel } from '../shared/log.ts';
import { CidrSet, parseNetwork } from '../shared/net-address.ts';
import {
  choice,
  duration,
  flag,
  list,
  listenAddress,
  path,
  secret,
  setting,
} from '../shared/settings/kinds.ts';
import type { Secret } from '../shared/settings/secret.ts';
import {
  readSettings,
  SettingsError,
  type Environment,
  type SettingProblem,
} from '../shared/settings/settings.ts';
import type { ApiLimits } from './api/limits.ts';
import type { CertificateFiles } from './certificates/files.ts';
import { parseHostname } from './edge/authority.ts';
import type { EdgeLimits } from './edge/limits.ts';
import type { GatewayLimits } from './gateway/limits.ts';
import {
  apiLimits,
  domainLimits,
  edgeLimits,
  gatewayLimits,
  limitProblems,
  limitSettings,
  nameLimits,
} from './limits.ts';
import type { DomainLimits } from './tunnels/domains/limits.ts';
import type { NameLimits } from './tunnels/limits.ts';
import type { Machine } from './machine.ts';

export interface HubConfig {
  /** Undefined until it is set: a trial hub is `hub.localhost` at whatever port it got (publicUrlOf). */
  readonly publicUrl: URL | undefined;
  readonly hubHost: string;
  /** Servers are `<label>.<tenantDomain>`. */
  readonly tenantDomain: string;
  readonly dataDir: string;
  readonly databaseUrl: Secret | undefined;
  readonly httpsListen: ListenAddress;
  /** Undefined: nothing listens for plain HTTP. */
  readonly httpListen: ListenAddress | undefined;
  readonly tunnelListen: ListenAddress;
  readonly tls: { readonly kind: 'local-ca' } | FilesTls;
  readonly trustedProxies: CidrSet;
  /** Trusted proxies begin each connection with a PROXY header. */
  readonly isProxied: boolean;
  readonly logLevel: LogLevel;
  readonly drainTimeoutMs: number;
  /** 0: what breaks off ends. */
  readonly resumeTimeoutMs: number;
  /** How long new requests wait for a server whose line has just broken. */
  readonly reconnectGraceMs: number;
  readonly pingIntervalMs: number;
  readonly pingDeadlineMs: number;
  /** What the process may take before it sheds load, bytes. */
  readonly memoryLimitBytes: number;
  readonly edgeLimits: EdgeLimits;
  readonly gatewayLimits: GatewayLimits;
  readonly apiLimits: ApiLimits;
  readonly nameLimits: NameLimits;
  readonly domainLimits: DomainLimits;
  /** Set, but of a later version: named at start, so that nobody relies on them. */
  readonly unusedSettings: readonly string[];
}

interface FilesTls {
  readonly kind: 'files';
  readonly pairs: readonly CertificateFiles[];
}

/** @throws SettingsError with every problem at once */
export function readConfig(environment: Environment, machine: Machine): HubConfig {
  const settings = readSettings(schema, environment);
  const hubHost = settings.HUB_PUBLIC_URL?.hostname ?? trialHost;
  refuse([
    ...nameProblems(hubHost, settings.HUB_TENANT_DOMAIN),
    ...fileProblems(settings),
    ...proxyProblems(settings),
    ...limitProblems(settings),
  ]);
  const httpListen = settings.HUB_HTTP_LISTEN ?? anyAddress(machine.bindsLowPorts ? 80 : 8080);
  return {
    publicUrl: settings.HUB_PUBLIC_URL,
    hubHost,
    tenantDomain: settings.HUB_TENANT_DOMAIN,
    dataDir: settings.HUB_DATA_DIR ?? machine.stateFolder,
    databaseUrl: settings.HUB_DATABASE_URL,
    httpsListen: settings.HUB_HTTPS_LISTEN ?? anyAddress(machine.bindsLowPorts ? 443 : 8443),
    httpListen: httpListen === 'off' ? undefined : httpListen,
    tunnelListen: settings.HUB_TUNNEL_LISTEN,
    tls: settings.HUB_TLS === 'files' ? filesTls(settings) : { kind: 'local-ca' },
    trustedProxies: new CidrSet(settings.HUB_TRUSTED_PROXIES),
    isProxied: settings.HUB_PROXY_PROTOCOL,
    logLevel: settings.HUB_LOG_LEVEL,
    drainTimeoutMs: settings.HUB_DRAIN_TIMEOUT,
    resumeTimeoutMs: settings.HUB_RESUME_TIMEOUT,
    reconnectGraceMs: settings.HUB_RECONNECT_GRACE,
    pingIntervalMs: settings.HUB_PING_INTERVAL,
    pingDeadlineMs: settings.HUB_PING_DEADLINE,
    memoryLimitBytes:
      settings.HUB_LIMIT_MEMORY ?? Math.min(machine.memoryBytes, usualMemoryLimitBytes),
    edgeLimits: edgeLimits(settings),
    gatewayLimits: gatewayLimits(settings),
    apiLimits: apiLimits(settings),
    nameLimits: nameLimits(settings),
    domainLimits: domainLimits(settings),
    unusedSettings: settingsOfLaterVersions.filter((name) => Boolean(environment[name])),
  };
}

/** 10,000 idle agents take 1 GiB: whoever takes four times that is under attack, or knows to raise it. */
const usualMemoryLimitBytes = 4 * 1024 * 1024 * 1024;

/** The hub's own address; where none is set, that of a trial on this machine. */
export function publicUrlOf(config: HubConfig, httpsPort = config.httpsListen.port): URL {
  return config.publicUrl ?? new URL(`https://${trialHost}:${httpsPort}`);
}

export function localCaFolder(config: HubConfig): string {
  return join(config.dataDir, 'local-ca');
}

/** RFC 6761 §6.3: every `.localhost` name is this machine, so a trial needs no DNS. */
const trialHost = 'hub.localhost';

const publicUrl = setting(
  {
    expected: "the hub's address: https://, a name, and at most a port",
    remedy: 'write https://hub.example.org (TLS needs a name; an IP address has none)',
  },
  (text) => {
    const url = URL.parse(text);
    if (url?.protocol !== 'https:' || url.href !== `${url.origin}/`) return undefined;
    return hostnameOf(url.hostname) === url.hostname ? url : undefined;
  },
);

const tenantDomain = setting(
  {
    expected: 'a domain of at least two labels, under which servers get their names',
    remedy: 'write films.example.org, without https:// and without a star',
  },
  (text) => {
    const domain = hostnameOf(text);
    // A label of 63 characters and its dot have to fit before it; browsers match no wildcard under a single label.
    return domain !== undefined && domain.includes('.') && domain.length <= 189
      ? domain
      : undefined;
  },
);

const databaseUrl = setting(
  {
    expected: 'the address of a PostgreSQL server',
    remedy: 'write postgresql://user:password@host:5432/database',
  },
  (text) => (/^postgres(ql)?:\/\//.test(text) ? text : undefined),
).pipe(secret());

const tlsMode = setting(
  {
    expected: 'local-ca or files (acme and proxy come with a later version)',
    remedy:
      'unset it for a certificate authority of your own, or set files for certificates from disk',
  },
  (text) => (['local-ca', 'files'] as const).find((mode) => mode === text.toLowerCase()),
);

const httpListen = z.union([choice(['off']), listenAddress()], {
  error: 'expected an address to listen on such as :80, or off',
});

const networks = list(
  {
    expected: 'networks of proxies, separated by commas',
    remedy: 'write 192.0.2.7, 10.0.0.0/24 or 2001:db8::/64, with no bits set behind the prefix',
  },
  parseNetwork,
);

const paths = list(
  { expected: 'paths of files, separated by commas', remedy: 'write /path/to/file.pem' },
  (item) => (item.includes('\0') ? undefined : item),
);

const second = 1000;

const schema = z.object({
  HUB_PUBLIC_URL: publicUrl.optional(),
  HUB_TENANT_DOMAIN: tenantDomain.default('phlix.localhost'),
  HUB_DATA_DIR: path().optional(),
  HUB_DATABASE_URL: databaseUrl.optional(),
  HUB_HTTPS_LISTEN: listenAddress().optional(),
  HUB_HTTP_LISTEN: httpListen.optional(),
  HUB_TUNNEL_LISTEN: listenAddress().default({ host: undefined, port: 8802 }),
  HUB_TLS: tlsMode.default('local-ca'),
  HUB_TLS_CERT_FILE: paths.optional(),
  HUB_TLS_KEY_FILE: paths.optional(),
  HUB_TRUSTED_PROXIES: networks.default([]),
  HUB_TRUSTED_PROXIES_ALLOW_WIDE: flag().default(false),
  HUB_PROXY_PROTOCOL: flag().default(false),
  HUB_LOG_LEVEL: choice(logLevels).default('info'),
  /** Long enough for segments and pages; players ask for the rest of a film again, by Range. systemd kills after 90 s. */
  HUB_DRAIN_TIMEOUT: duration(0, 3600 * second).default(30 * second),
  /** A NAS is back from an update of its media server in less, and a player's own patience ends about there. */
  HUB_RECONNECT_GRACE: duration(0, 60 * second).default(3 * second),
  HUB_RESUME_TIMEOUT: duration(0, 3600 * second).default(60 * second),
  /** Home routers forget an idle connection after 30 s at worst. */
  HUB_PING_INTERVAL: duration(100, 300 * second).default(15 * second),
  /** A full uplink delays a ping by seconds; more than ten is a dead line. */
  HUB_PING_DEADLINE: duration(100, 300 * second).default(10 * second),
  ...limitSettings,
});

type Settings = z.output<typeof schema>;

const settingsOfLaterVersions = [
  'HUB_SECRET_KEY',
  'HUB_USER',
  'HUB_METRICS_LISTEN',
  'HUB_TRUSTED_NETWORKS',
  'HUB_ADMIN_ALLOW_CIDRS',
  'HUB_ADMIN_LISTEN',
  'HUB_LOCAL_LOGIN',
  'HUB_HIBP',
  'HUB_ACME_DIRECTORY',
  'HUB_ACME_EMAIL',
  'HUB_NATS_URL',
];

function hostnameOf(text: string): string | undefined {
  const hostname = parseHostname(text);
  return hostname === undefined || isIP(hostname) !== 0 ? undefined : hostname;
}

function anyAddress(port: number): ListenAddress {
  return { host: undefined, port };
}

function nameProblems(hubHost: string, tenantDomain: string): SettingProblem[] {
  if (hubHost !== tenantDomain) return [];
  return [
    {
      name: 'HUB_TENANT_DOMAIN',
      expected: `a domain other than the hub's own name, ${hubHost}, whose cookies servers must not see`,
      remedy: 'choose another domain for servers, best one of its own',
    },
  ];
}

function fileProblems(settings: Settings): SettingProblem[] {
  const certificates = settings.HUB_TLS_CERT_FILE;
  const keys = settings.HUB_TLS_KEY_FILE;
  if (settings.HUB_TLS !== 'files') {
    const isAlone = certificates !== undefined || keys !== undefined;
    const expected = 'HUB_TLS_CERT_FILE and HUB_TLS_KEY_FILE are read with HUB_TLS=files only';
    const remedy = 'set HUB_TLS=files, or unset the two';
    return isAlone ? [{ name: 'HUB_TLS', expected, remedy }] : [];
  }
  if (certificates !== undefined && certificates.length === keys?.length) return [];
  return [
    {
      name: certificates === undefined ? 'HUB_TLS_CERT_FILE' : 'HUB_TLS_KEY_FILE',
      expected: 'HUB_TLS=files needs a key for each certificate',
      remedy:
        'list as many paths in HUB_TLS_KEY_FILE as in HUB_TLS_CERT_FILE, in the same order, separated by commas',
    },
  ];
}

function filesTls(settings: Settings): FilesTls {
  const keys = settings.HUB_TLS_KEY_FILE ?? [];
  const pairs = (settings.HUB_TLS_CERT_FILE ?? []).flatMap((chainPath, index) => {
    const keyPath = keys[index];
    return keyPath === undefined ? [] : [{ chainPath, keyPath }];
  });
  return { kind: 'files', pairs };
}

/** security.md A-15: whoever sits in a trusted network chooses the address that bans and limits see. */
function proxyProblems(settings: Settings): SettingProblem[] {
  if (settings.HUB_PROXY_PROTOCOL && settings.HUB_TRUSTED_PROXIES.length === 0) {
    const expected = 'PROXY headers are believed from HUB_TRUSTED_PROXIES only, and it is empty';
    const remedy = 'list the addresses of your proxies in HUB_TRUSTED_PROXIES, or unset this';
    return [{ name: 'HUB_PROXY_PROTOCOL', expected, remedy }];
  }
  return settings.HUB_TRUSTED_PROXIES.flatMap(({ address, prefix, family }) => {
    const narrowest = family === 'ipv4' ? 24 : 56;
    const isAllowed =
      prefix >= narrowest || (settings.HUB_TRUSTED_PROXIES_ALLOW_WIDE && prefix > 0);
    if (isAllowed) return [];
    const remedy =
      prefix === 0
        ? 'list the addresses of your proxies'
        : 'list the addresses of your proxies, or set HUB_TRUSTED_PROXIES_ALLOW_WIDE=1 if all of it is yours';
    const expected = `${address}/${prefix} trusts everyone in it to name any client address`;
    return [{ name: 'HUB_TRUSTED_PROXIES', expected, remedy }];
  });
}

function refuse(problems: readonly SettingProblem[]): void {
  if (problems.length > 0) throw new SettingsError(problems);
}
