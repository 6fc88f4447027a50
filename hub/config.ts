// The environment arrives; the hub's settings leave, checked against each other. README lists them with their defaults.

import { join } from 'node:path';

import { z } from 'zod';

import type { ListenAddress } from '../shared/listen-address.ts';
import { logLevels, type LogLevel } from '../shared/log.ts';
import { CidrSet } from '../shared/net-address.ts';
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
import { isPlaceholder, Secret } from '../shared/settings/secret.ts';
import {
  readSettings,
  SettingsError,
  type Environment,
  type SettingProblem,
} from '../shared/settings/settings.ts';
import type { ApiLimits } from './api/limits.ts';
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
} from './settings/limits.ts';
import type { Machine } from './process/machine.ts';
import {
  accountProblems,
  accountSettings,
  peopleConfig,
  type PeopleConfig,
} from './settings/accounts.ts';
import { acmeProblems, acmeSettings, acmeTls, type AcmeTls } from './settings/acme.ts';
import { adminSettings } from './settings/admin.ts';
import {
  advisoryProblems,
  advisorySettings,
  feedOf,
  type FeedSettings,
} from './settings/advisories.ts';
import { auditOf, auditSettings, type AuditSettings } from './settings/audit.ts';
import {
  backupOf,
  backupProblems,
  backupSettings,
  type BackupSettings,
} from './settings/backup.ts';
import { dnsSettings } from './settings/dns.ts';
import {
  logProblems,
  logSettings,
  logsOf,
  tracesOf,
  type LogSettings,
  type TraceSettings,
} from './settings/logs.ts';
import { mailOf, mailProblems, mailSettings } from './settings/mail.ts';
import { nameProblems, publicUrl, tenantDomain } from './settings/names.ts';
import { hasWideNetwork, proxyProblems, proxySettings, trustProblems } from './settings/proxies.ts';
import {
  behindTlsProblems,
  filesTls,
  fileProblems,
  hasFiles,
  tlsSettings,
  type FilesTls,
} from './settings/tls.ts';
import {
  travelConfig,
  travelProblems,
  travelSettings,
  type TravelConfig,
} from './settings/travel.ts';
import { unknownSettings } from './settings/unknown.ts';
import { userProblems, userSettings } from './settings/user.ts';
import { shownSettings, type ShownSetting } from './settings/shown-settings.ts';
import type { SmtpSettings } from './notices/mail/smtp-mailer.ts';
import type { DomainLimits } from './tunnels/domains/limits.ts';
import type { NameLimits } from './tunnels/limits.ts';

export interface HubConfig {
  /** Undefined until it is set: a trial hub is `hub.localhost` at whatever port it got (publicUrlOf). */
  readonly publicUrl: URL | undefined;
  readonly hubHost: string;
  /** Servers are `<label>.<tenantDomain>`. */
  readonly tenantDomain: string;
  readonly dataDir: string;
  /** Who a hub that is started as root becomes. */
  readonly user: string | undefined;
  /** Why a hub that becomes `user` would not start. Commands, which listen nowhere, do their work all the same. */
  readonly startProblems: readonly SettingProblem[];
  readonly databaseUrl: Secret | undefined;
  /** What private keys in the database are sealed with. Undefined: a key in the data folder. */
  readonly secretKeys: readonly Secret[] | undefined;
  /** Undefined: the machine's own. */
  readonly dnsResolvers: readonly string[] | undefined;
  /** Zones' own name servers cannot be reached from here. */
  readonly asksResolversOnly: boolean;
  /** Undefined: nobody is let in by TLS that the hub ends, but agents and admins. */
  readonly httpsListen: ListenAddress | undefined;
  /** Undefined: nothing listens for plain HTTP. Else redirects, or with `isBehindTls` all that visitors want. */
  readonly httpListen: ListenAddress | undefined;
  readonly tunnelListen: ListenAddress;
  /** Undefined: nobody is told what is measured. */
  readonly metricsListen: ListenAddress | undefined;
  /** Where the certificates come from with which the hub itself ends TLS. */
  readonly tls: HubTls;
  /** HUB_TLS=proxy: another program ends TLS for visitors (security row E-06). */
  readonly isBehindTls: boolean;
  readonly trustedProxies: CidrSet;
  /** Among them are networks wider than /24 or /56. */
  readonly trustsWideNetworks: boolean;
  /** Trusted proxies begin each connection with a PROXY header. */
  readonly isProxied: boolean;
  /** Undefined: what is for admins is at the visitors' door. */
  readonly adminListen: ListenAddress | undefined;
  /** Undefined: admins may come from anywhere. */
  readonly adminNetworks: CidrSet | undefined;
  /** Servers whose answers say nothing of it are reached by TLS alone from then on. */
  readonly tenantHsts: boolean;
  /** Whom to tell of a hole; undefined: there is no security.txt. */
  readonly securityContact: string | undefined;
  /** Whom visitors tell that a server is misused. */
  readonly abuseContact: string | undefined;
  /** Undefined: what the doctor knows of holes is what this version came with, and nobody is asked. */
  readonly advisoryFeed: FeedSettings | undefined;
  readonly logLevel: LogLevel;
  readonly logs: LogSettings;
  /** Undefined: nothing is traced. */
  readonly traces: TraceSettings | undefined;
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
  readonly audit: AuditSettings;
  readonly backup: BackupSettings;
  /** `page`: they are told that they are banned; `close`: their connections are, without a word. */
  readonly banAnswer: 'page' | 'close';
  /** What admins may see of all this. */
  readonly shown: readonly ShownSetting[];
  readonly people: PeopleConfig;
  /** How far people can have come since their last sign-in (row A-13). */
  readonly travel: TravelConfig;
  /** Where a browser that an account knows is not asked for the second factor (row A-15). */
  readonly trustedNetworks: CidrSet;
  /** Undefined: the hub sends no mail. */
  readonly mail: SmtpSettings | undefined;
  /** Members and owners may prove themselves by a code that is mailed to them (row A-04). */
  readonly sendsEmailCodes: boolean;
  /** False: single sign-on only (row A-07). */
  readonly allowsLocalLogin: boolean;
  /** Set, but of a later version: named at start, so that nobody relies on them. */
  readonly unusedSettings: readonly string[];
  /** Meant for this program, and none of its settings. */
  readonly unknownSettings: readonly string[];
}

type HubTls = { readonly kind: 'local-ca' } | FilesTls | AcmeTls;

/** @throws SettingsError with every problem at once */
export function readConfig(environment: Environment, machine: Machine): HubConfig {
  const settings = readSettings(schema, environment);
  const hubHost = settings.HUB_PUBLIC_URL?.hostname ?? trialHost;
  const domain = settings.HUB_TENANT_DOMAIN ?? trialDomain;
  const httpListen = settings.HUB_HTTP_LISTEN ?? anyAddress(machine.bindsLowPorts ? 80 : 8080);
  const isBehindTls = settings.HUB_TLS === 'proxy';
  refuse([
    ...nameProblems(hubHost, domain),
    ...fileProblems(settings),
    ...behindTlsProblems(settings, httpListen),
    ...acmeProblems(settings),
    ...proxyProblems(settings),
    ...trustProblems(settings),
    ...travelProblems(settings),
    ...limitProblems(settings),
    ...accountProblems(settings),
    ...mailProblems(settings),
    ...backupProblems(settings),
    ...logProblems(settings),
    ...advisoryProblems(settings),
  ]);
  const dataDir = settings.HUB_DATA_DIR ?? machine.stateFolder;
  return {
    publicUrl: settings.HUB_PUBLIC_URL,
    hubHost,
    tenantDomain: domain,
    dataDir,
    user: settings.HUB_USER,
    startProblems: userProblems(settings),
    databaseUrl: settings.HUB_DATABASE_URL,
    secretKeys: settings.HUB_SECRET_KEY,
    dnsResolvers: settings.HUB_DNS_RESOLVERS,
    asksResolversOnly: settings.HUB_DNS_RESOLVERS_ONLY ?? false,
    httpsListen:
      settings.HUB_HTTPS_LISTEN ??
      (isBehindTls ? undefined : anyAddress(machine.bindsLowPorts ? 443 : 8443)),
    httpListen: httpListen === 'off' ? undefined : httpListen,
    tunnelListen: settings.HUB_TUNNEL_LISTEN,
    metricsListen: settings.HUB_METRICS_LISTEN === 'off' ? undefined : settings.HUB_METRICS_LISTEN,
    tls: tlsOf(settings, environment),
    isBehindTls,
    trustedProxies: new CidrSet(settings.HUB_TRUSTED_PROXIES),
    trustsWideNetworks: hasWideNetwork(settings),
    isProxied: settings.HUB_PROXY_PROTOCOL,
    adminListen: settings.HUB_ADMIN_LISTEN,
    adminNetworks: settings.HUB_ADMIN_ALLOW_CIDRS && new CidrSet(settings.HUB_ADMIN_ALLOW_CIDRS),
    securityContact: settings.HUB_SECURITY_CONTACT,
    abuseContact: settings.HUB_ABUSE_CONTACT ?? settings.HUB_SECURITY_CONTACT,
    advisoryFeed: feedOf(settings),
    tenantHsts: settings.HUB_TENANT_HSTS,
    logLevel: settings.HUB_LOG_LEVEL,
    logs: logsOf(settings),
    traces: tracesOf(settings),
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
    people: peopleConfig(settings),
    travel: travelConfig(settings),
    trustedNetworks: new CidrSet(settings.HUB_TRUSTED_NETWORKS),
    mail: mailOf(settings),
    sendsEmailCodes: settings.HUB_EMAIL_CODES,
    allowsLocalLogin: settings.HUB_LOCAL_LOGIN,
    audit: auditOf(settings, dataDir),
    backup: backupOf(settings, dataDir),
    banAnswer: settings.HUB_BAN_ANSWER,
    shown: shownSettings(Object.keys(schema.shape), settings, environment),
    unusedSettings: settingsOfLaterVersions.filter((name) => Boolean(environment[name])),
    unknownSettings: unknownSettings(
      [...Object.keys(schema.shape), ...settingsOfLaterVersions],
      environment,
    ),
  };
}

/** 10,000 idle agents take 1 GiB: whoever takes four times that is under attack, or knows to raise it. */
const usualMemoryLimitBytes = 4 * 1024 * 1024 * 1024;

/** The hub's own address; where none is set, that of a trial on this machine. */
export function publicUrlOf(config: HubConfig, httpsPort = config.httpsListen?.port): URL {
  const port = httpsPort === undefined || config.isBehindTls ? '' : `:${httpsPort}`;
  return config.publicUrl ?? new URL(`https://${trialHost}${port}`);
}

/** Where agents enrol: at the hub's own address, or, where a proxy ends TLS there, at the port of tunnels. */
export function agentUrlOf(
  config: HubConfig,
  publicUrl = publicUrlOf(config).origin,
  tunnelPort = config.tunnelListen.port,
): string {
  return config.isBehindTls ? `https://${config.hubHost}:${tunnelPort}` : publicUrl;
}

export function localCaFolder(config: HubConfig): string {
  return join(config.dataDir, 'local-ca');
}

/** RFC 6761 §6.3: every `.localhost` name is this machine, so a trial needs no DNS. */
const trialHost = 'hub.localhost';
export const trialDomain = 'phlix.localhost';

const databaseUrl = setting(
  {
    expected: 'the address of a PostgreSQL server',
    remedy: 'write postgresql://user:password@host:5432/database',
  },
  (text) => (/^postgres(ql)?:\/\//.test(text) ? text : undefined),
).pipe(secret());

/** The first seals, all of them open: so a key is replaced by putting the new one in front. */
const secretKeys = list(
  {
    expected: 'secrets of your own with 32 characters or more, separated by commas',
    remedy: 'make one with: openssl rand -base64 32',
  },
  (item) => (item.length < 32 || isPlaceholder(item) ? undefined : new Secret(item)),
);

/** A door that a hub can do without. */
function listenOrOff(example: string): z.ZodType<ListenAddress | 'off', string> {
  return z.union([choice(['off']), listenAddress()], {
    error: `expected an address to listen on such as ${example}, or off`,
  });
}

const second = 1000;

const schema = z.object({
  HUB_PUBLIC_URL: publicUrl.optional(),
  HUB_TENANT_DOMAIN: tenantDomain.optional(),
  HUB_DATA_DIR: path().optional(),
  HUB_DATABASE_URL: databaseUrl.optional(),
  HUB_SECRET_KEY: secretKeys.optional(),
  HUB_HTTPS_LISTEN: listenAddress().optional(),
  HUB_HTTP_LISTEN: listenOrOff(':80').optional(),
  HUB_TUNNEL_LISTEN: listenAddress().default({ host: undefined, port: 8802 }),
  HUB_METRICS_LISTEN: listenOrOff('127.0.0.1:9464').default({ host: '127.0.0.1', port: 9464 }),
  ...tlsSettings,
  ...userSettings,
  ...acmeSettings,
  ...dnsSettings,
  ...proxySettings,
  ...mailSettings,
  HUB_LOCAL_LOGIN: flag().default(true),
  ...adminSettings,
  ...advisorySettings,
  ...auditSettings,
  ...backupSettings,
  HUB_LOG_LEVEL: choice(logLevels).default('info'),
  ...logSettings,
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
  ...accountSettings,
  ...travelSettings,
});

type Settings = z.output<typeof schema>;

const settingsOfLaterVersions = ['HUB_NATS_URL'];

function tlsOf(settings: Settings, environment: Environment): HubTls {
  if (settings.HUB_TLS === 'acme') return acmeTls(settings, environment);
  return hasFiles(settings) ? filesTls(settings) : { kind: 'local-ca' };
}

function anyAddress(port: number): ListenAddress {
  return { host: undefined, port };
}

function refuse(problems: readonly SettingProblem[]): void {
  if (problems.length > 0) throw new SettingsError(problems);
}
