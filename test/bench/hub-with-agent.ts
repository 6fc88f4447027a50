// The origin's port arrives; the product as it is built leaves: a hub, and an agent that reaches it through the line.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { readConfig } from '../../hub/config.ts';
import { thisMachine } from '../../hub/process/machine.ts';
import { openStores } from '../../hub/composition/stores.ts';
import { freePort } from '../../infra/quickstart/ports.ts';
import { createLogger } from '../../shared/log.ts';
import { Program } from '../support/program.ts';
import type { Certificate } from './certificate.ts';
import { visitedHost, type Contender, type ContenderOptions } from './contender.ts';
import { inspectFlag } from './inspector.ts';
import { openLine } from './shaped-line.ts';

export async function startHubWithAgent(
  folder: string,
  { originPort, certificate, line: spec, isInspected = false }: ContenderOptions,
): Promise<Contender> {
  const isShaped = spec.bitsPerSecond !== undefined;
  const hub = await startHub(join(folder, 'hub'), {
    certificate,
    tunnelHost: isShaped ? behindLine : loopback,
    isInspected,
  });
  // The agent dials the port it is told, at the loopback it knows; the line stands there in the hub's place.
  const line = await openLine(spec, {
    target: { host: isShaped ? behindLine : loopback, port: hub.tunnelPort },
    port: hub.tunnelPort,
  });
  const agent = await startAgent(join(folder, 'agent'), {
    hub,
    originPort,
    certificate,
    isInspected,
  });
  return {
    name: 'hub',
    port: hub.port,
    programs: { hub: hub.program, agent: agent.program },
    configuration: [hub.environment, agent.environment].map(asLines).join('\n'),
    async stop() {
      for (const program of [agent.program, hub.program]) await program.stop();
      await line.stop();
    },
  };
}

export interface BenchHub {
  readonly program: Program;
  readonly port: number;
  readonly tunnelPort: number;
  readonly environment: Readonly<Record<string, string>>;
}

const loopback = '127.0.0.1';
/** Another address of this machine that agents do not dial by themselves. */
const behindLine = '127.0.0.2';

/** Against strangers the hub has limits that one client with hundreds of connections would meet first. */
export const raisedLimits = {
  HUB_LIMIT_CONNECTIONS_PER_ADDRESS: '10000',
  HUB_LIMIT_CONNECTIONS_PER_TUNNEL: '10000',
  HUB_LIMIT_STREAMS_PER_TUNNEL: '4096',
  HUB_LIMIT_STREAMS_PER_VISITOR: '4096',
  HUB_LIMIT_AGENT_CONNECTIONS_PER_ADDRESS: '10000',
};

export interface HubOptions {
  readonly certificate?: Certificate;
  /** HUB_TLS and what belongs to it, of a hub that is given no certificate. */
  readonly tls?: Readonly<Record<string, string>>;
  /** What its folder needs before it starts. */
  readonly prepare?: (environment: Readonly<Record<string, string>>) => Promise<void>;
  readonly tunnelHost?: string;
  readonly isInspected?: boolean;
  /** Those of a hub that was here before. */
  readonly ports?: Pick<BenchHub, 'port' | 'tunnelPort'>;
  /** Beside those raised for one client with many connections. */
  readonly limits?: Readonly<Record<string, string>>;
}

export async function startHub(folder: string, options: HubOptions): Promise<BenchHub> {
  const { tunnelHost = loopback, isInspected = false, limits = {} } = options;
  const { port, tunnelPort } = options.ports ?? {
    port: await freePort(),
    tunnelPort: await freePort(),
  };
  // Passable: a hub that is root runs its database as another user.
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const environment = {
    HUB_PUBLIC_URL: `https://hub.localhost:${port}`,
    HUB_TENANT_DOMAIN: visitedHost.slice(visitedHost.indexOf('.') + 1),
    HUB_DATA_DIR: folder,
    HUB_HTTPS_LISTEN: `${loopback}:${port}`,
    HUB_HTTP_LISTEN: 'off',
    HUB_TUNNEL_LISTEN: `${tunnelHost}:${tunnelPort}`,
    HUB_METRICS_LISTEN: 'off',
    ...tlsOf(options),
    HUB_DRAIN_TIMEOUT: '0s',
    ...raisedLimits,
    ...limits,
  };
  await options.prepare?.(environment);
  const program = new Program({
    command: node(isInspected, built('hub')),
    env: { ...ownEnvironment(), ...environment },
  });
  await program.waitForLine(/"hub ready"/);
  return { program, port, tunnelPort, environment };
}

function tlsOf({ certificate, tls = {} }: HubOptions): Readonly<Record<string, string>> {
  if (certificate === undefined) return tls;
  const { chainFile, keyFile } = certificate;
  return { HUB_TLS: 'files', HUB_TLS_CERT_FILE: chainFile, HUB_TLS_KEY_FILE: keyFile, ...tls };
}

export interface AgentOptions {
  readonly hub: BenchHub;
  readonly originPort: number;
  readonly certificate: Certificate;
  readonly isInspected?: boolean;
  /** In place of the agent as tsc builds it. */
  readonly script?: string;
  readonly settings?: Readonly<Record<string, string>>;
}

export async function startAgent(
  folder: string,
  { hub, originPort, certificate, isInspected = false, script, settings }: AgentOptions,
): Promise<{ program: Program; environment: Readonly<Record<string, string>> }> {
  const environment = {
    PHLIX_HUB_URL: `https://hub.localhost:${hub.port}`,
    PHLIX_ORIGIN_URL: `http://${loopback}:${originPort}`,
    PHLIX_STATE_DIR: folder,
    PHLIX_SERVER_NAME: visitedHost.split('.', 1)[0] ?? '',
    PHLIX_HUB_CA_FILE: certificate.authorityFile,
    // Twice in twelve hours it starts another process for a second: not in the seconds that are measured.
    PHLIX_REPORT_FINDINGS: '0',
    ...settings,
  };
  const [token] = await createTokens(hub, 1);
  const program = new Program({
    command: node(isInspected, script ?? built('agent')),
    env: { ...ownEnvironment(), ...environment, PHLIX_HUB_ENROLLMENT_TOKEN: token },
  });
  await program.waitForLine(/"your server is reachable"/);
  return { program, environment };
}

/** Straight into the hub's database, as `phlix-hub enrol-token create` does, but hundreds in the time of one. */
async function createTokens({ environment }: BenchHub, count: number): Promise<string[]> {
  const config = readConfig(environment, thisMachine(environment));
  const log = createLogger({ level: 'error', name: 'bench' });
  const stores = await openStores(config, { purpose: 'command', log });
  try {
    const tokens: string[] = [];
    while (tokens.length < count) tokens.push((await stores.enrolment.createToken()).text);
    return tokens;
  } finally {
    await stores.close();
  }
}

/** Settings of a real hub or agent on this machine must not leak into the benchmark. */
function ownEnvironment(): NodeJS.ProcessEnv {
  const foreign = Object.entries(process.env).filter(([name]) => !/^(HUB|PHLIX)_/.test(name));
  return Object.fromEntries(foreign);
}

function built(program: 'hub' | 'agent'): string {
  return fileURLToPath(new URL(`../../dist/${program}/main.js`, import.meta.url));
}

function asLines(environment: Readonly<Record<string, string>>): string {
  return Object.entries(environment)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

function node(isInspected: boolean, script: string): [string, ...string[]] {
  return [process.execPath, ...(isInspected ? [inspectFlag] : []), script];
}
