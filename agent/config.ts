// The environment arrives; the agent's settings leave. The agent shares its environment with the media server: foreign names are ignored.

import { statSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

import { z } from 'zod';

import { parseListenAddress, type ListenAddress } from '../shared/listen-address.ts';
import { logLevels, type LogLevel } from '../shared/log.ts';
import {
  choice,
  duration,
  flag,
  integer,
  path,
  secret,
  setting,
  size,
  text,
} from '../shared/settings/kinds.ts';
import type { Secret } from '../shared/settings/secret.ts';
import {
  readSettings,
  SettingsError,
  type Environment,
  type SettingProblem,
} from '../shared/settings/settings.ts';
import {
  certificates,
  originAddress,
  originPin,
  originProblems,
  originUrl,
  type OriginAddress,
} from './origin-address.ts';
import { readProxy, type Proxy } from './dialling/proxy-settings.ts';
import { isLoopbackName } from './dialling/resolve.ts';

/** A host and a port to connect to, and the URL they came from, for the logs. */
export interface Endpoint {
  readonly hostname: string;
  readonly port: number;
  readonly url: string;
  /** Stands in between, because the environment says so (HTTPS_PROXY). */
  readonly proxy?: Proxy | undefined;
}

/** Where lines go, how large a file grows, and how many older ones are kept. */
interface LogFilePlace {
  readonly path: string;
  readonly maxBytes: number;
  readonly keptFiles: number;
}

export interface AgentConfig {
  readonly hub: Endpoint;
  /** How many links this agent wishes to have; the hub may grant fewer. */
  readonly links: number;
  /** How long running streams may go on when the agent stops, or when another takes over. */
  readonly drainTimeoutMs: number;
  readonly origin: OriginAddress;
  readonly stateFolder: string;
  readonly serverName: string | undefined;
  readonly claimsSubdomain: boolean;
  readonly verifiesCertificate: boolean;
  readonly hubCaFile: string | undefined;
  /** Whether the hub is told what the doctor finds here. */
  readonly reportsFindings?: boolean | undefined;
  /** Where monitoring may ask; undefined: nowhere. */
  readonly metricsListen?: ListenAddress | undefined;
  readonly logLevel: LogLevel;
  /** Undefined: standard output. */
  readonly logFile?: LogFilePlace | undefined;
}

const hubUrl = setting(
  {
    expected: "the hub's address, https:// with its name and at most a port",
    remedy: 'write it as the hub prints it: https://hub.example.org',
  },
  (given) => endpoint(given, 'https:', 443),
);

/** Figures of a home are nobody else's: to show them to a whole network it has to be written out. */
const metricsListen = setting(
  {
    expected: 'a host and a port to listen on, or off',
    remedy: 'write 127.0.0.1:9465; 0.0.0.0:9465 shows them to every machine that reaches this one',
  },
  (given) => {
    if (given.toLowerCase() === 'off') return 'off';
    const address = parseListenAddress(given);
    return address.host === undefined ? undefined : address;
  },
);

const originShape = {
  PHLIX_ORIGIN_URL: originUrl.default(originUrl.parse('http://127.0.0.1:8096')),
  PHLIX_ORIGIN_CA_FILE: certificates.optional(),
  PHLIX_ORIGIN_PIN: originPin.optional(),
  PHLIX_ORIGIN_PROXY_PROTOCOL: flag().default(false),
};

const schema = z.object({
  PHLIX_HUB_URL: hubUrl,
  PHLIX_HUB_ENROLLMENT_TOKEN: secret().optional(),
  PHLIX_SUBDOMAIN_AUTO_CLAIM: flag().default(true),
  PHLIX_TLS_ENABLED: flag().default(true),
  ...originShape,
  // One outlives the other; more are for lines that a single TCP connection does not fill.
  PHLIX_LINKS: integer(1, 8).default(2),
  // Docker kills ten seconds after its signal.
  PHLIX_DRAIN_TIMEOUT: duration(0, 24 * 60 * 60_000).default(9000),
  PHLIX_STATE_DIR: path().optional(),
  PHLIX_SERVER_NAME: text(64).optional(),
  PHLIX_HUB_CA_FILE: path().optional(),
  PHLIX_REPORT_FINDINGS: flag().default(true),
  PHLIX_METRICS_LISTEN: metricsListen.default('off'),
  PHLIX_LOG_LEVEL: choice(logLevels).default('info'),
  PHLIX_LOG_FILE: path().optional(),
  /** With the five that are kept 48 MB: a NAS has room for that, and it is weeks. */
  PHLIX_LOG_FILE_SIZE: size(0, 1024 * 1024 * 1024).default(8 * 1024 * 1024),
  PHLIX_LOG_FILES: integer(0, 1000).default(5),
});

const tokenNames = ['PHLIX_HUB_ENROLLMENT_TOKEN', 'PHLIX_HUB_ENROLLMENT_TOKEN_FILE'] as const;

/** Everything but the token, which may be long gone. @throws SettingsError with every problem at once */
export function readConfig(environment: Environment): AgentConfig {
  const withoutToken = { ...environment };
  for (const name of tokenNames) delete withoutToken[name];
  const contradictions = originContradictions(environment);
  const settings = collecting(contradictions, () => readSettings(schema, withoutToken));
  if (!settings.PHLIX_TLS_ENABLED) refuseDistantHub(settings.PHLIX_HUB_URL.hostname);
  return {
    hub: {
      ...settings.PHLIX_HUB_URL,
      proxy: readProxy(environment, settings.PHLIX_HUB_URL),
    },
    links: settings.PHLIX_LINKS,
    drainTimeoutMs: settings.PHLIX_DRAIN_TIMEOUT,
    origin: originAddress(settings),
    stateFolder: settings.PHLIX_STATE_DIR ?? defaultStateFolder(environment),
    serverName: settings.PHLIX_SERVER_NAME,
    claimsSubdomain: settings.PHLIX_SUBDOMAIN_AUTO_CLAIM,
    verifiesCertificate: settings.PHLIX_TLS_ENABLED,
    hubCaFile: settings.PHLIX_HUB_CA_FILE,
    reportsFindings: settings.PHLIX_REPORT_FINDINGS,
    metricsListen:
      settings.PHLIX_METRICS_LISTEN === 'off' ? undefined : settings.PHLIX_METRICS_LISTEN,
    logLevel: settings.PHLIX_LOG_LEVEL,
    logFile: logFileOf(settings),
  };
}

function logFileOf(settings: z.output<typeof schema>): LogFilePlace | undefined {
  const {
    PHLIX_LOG_FILE: path,
    PHLIX_LOG_FILE_SIZE: maxBytes,
    PHLIX_LOG_FILES: keptFiles,
  } = settings;
  return path === undefined ? undefined : { path, maxBytes, keptFiles };
}

/** Read apart from the others, so that a contradiction among them is told beside whatever else is wrong. */
function originContradictions(environment: Environment): SettingProblem[] {
  const names = Object.keys(originShape).flatMap((name) => [name, `${name}_FILE`]);
  const only = Object.fromEntries(names.map((name) => [name, environment[name]]));
  try {
    return originProblems(readSettings(z.object(originShape), only));
  } catch (error) {
    // What one of them says is wrong: told with the rest.
    if (error instanceof SettingsError) return [];
    throw error;
  }
}

/** @throws SettingsError with the problems known before and those that reading finds */
function collecting<Settings>(known: SettingProblem[], read: () => Settings): Settings {
  let settings: Settings;
  try {
    settings = read();
  } catch (error) {
    if (error instanceof SettingsError) throw new SettingsError([...error.problems, ...known]);
    throw error;
  }
  if (known.length > 0) throw new SettingsError(known);
  return settings;
}

/** Where `status` looks: the one setting it needs. @throws SettingsError */
export function readStateFolder(environment: Environment): string {
  const settings = readSettings(z.object({ PHLIX_STATE_DIR: path().optional() }), environment);
  return settings.PHLIX_STATE_DIR ?? defaultStateFolder(environment);
}

/** Read only while there is no identity: afterwards its file may be gone, and its value means nothing. @throws SettingsError */
export function readToken(environment: Environment): Secret | undefined {
  const only = Object.fromEntries(tokenNames.map((name) => [name, environment[name]]));
  return readSettings(z.object({ PHLIX_HUB_ENROLLMENT_TOKEN: secret().optional() }), only)
    .PHLIX_HUB_ENROLLMENT_TOKEN;
}

/** The variables that still carry a token nobody reads any more. */
export function leftoverTokenNames(environment: Environment): string[] {
  const [direct, file] = tokenNames;
  const found = environment[direct] ? [direct] : [];
  const path = environment[file];
  return path === undefined || path === '' || isEmptied(path) ? found : [...found, file];
}

/** What a compose file names has to be there; one whose token was taken out carries none. */
function isEmptied(path: string): boolean {
  try {
    return statSync(path).size === 0;
  } catch {
    // Not there, or not to be read: whoever needs it says so (`readToken`).
    return false;
  }
}

/**
 * The signature of an agent is bound to its TLS connection, so there is no connection without TLS: 0 only stops
 * the check of the certificate, and only towards this very machine, where nobody sits in between.
 */
function refuseDistantHub(hostname: string): void {
  if (isLoopbackName(hostname)) return;
  throw new SettingsError([
    {
      name: 'PHLIX_TLS_ENABLED',
      expected: `0 is for a hub on this machine, and ${hostname} is not`,
      remedy: 'unset it; for a certificate of your own authority set PHLIX_HUB_CA_FILE to its file',
    },
  ]);
}

function endpoint(given: string, protocol: string, defaultPort: number): Endpoint | undefined {
  const url = URL.parse(given);
  if (url === null || url.protocol !== protocol) return undefined;
  if (url.username !== '' || url.password !== '') return undefined;
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') return undefined;
  const hostname = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  if (hostname === '') return undefined;
  return { hostname, port: url.port === '' ? defaultPort : Number(url.port), url: url.origin };
}

function defaultStateFolder(environment: Environment): string {
  if (process.getuid?.() === 0) return '/var/lib/phlix-agent';
  const base = environment['XDG_STATE_HOME'];
  // The XDG specification: a relative path in its variables is to be ignored.
  const isUsable = base !== undefined && isAbsolute(base);
  return join(isUsable ? base : join(homedir(), '.local', 'state'), 'phlix-agent');
}
