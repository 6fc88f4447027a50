// The place and the ports arrive; the programs of the quickstart leave, each with its command and its environment.

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import type { Program } from './child.ts';
import type { Place, Ports } from './place.ts';

export const originPort = 8096;
/** Asked for at enrolment: the server becomes https://movies.phlix.localhost. */
const serverName = 'movies';
const tenantDomain = 'phlix.localhost';
const hubScript = fileURLToPath(new URL('../../hub/main.ts', import.meta.url));
const agentScript = fileURLToPath(new URL('../../agent/main.ts', import.meta.url));
const demoScript = fileURLToPath(new URL('demo/main.ts', import.meta.url));

export function hubUrl(ports: Ports): string {
  return new URL(`https://hub.localhost:${ports.https}`).origin;
}

export function caPath(place: Place): string {
  return join(place.hubData, 'local-ca', 'ca.pem');
}

/** What makes its reader the hub's admin; undefined once there is one. */
export function setupToken(place: Place): string | undefined {
  try {
    return readFileSync(join(place.hubData, 'setup-token'), 'utf8').trim();
  } catch {
    return undefined;
  }
}

export function hub(place: Place, ports: Ports): Program {
  return {
    name: 'hub',
    command: [hubScript],
    env: hubEnvironment(place, ports),
    logFile: join(place.logs, 'hub.log'),
  };
}

export function agent(place: Place, ports: Ports, token: string | undefined): Program {
  const env = {
    ...foreignEnvironment(),
    PHLIX_HUB_URL: hubUrl(ports),
    PHLIX_ORIGIN_URL: `http://127.0.0.1:${originPort}`,
    PHLIX_SERVER_NAME: serverName,
    PHLIX_STATE_DIR: place.agentState,
    ...(token !== undefined && { PHLIX_HUB_ENROLLMENT_TOKEN: token }),
  };
  return { name: 'agent', command: [agentScript], env, logFile: join(place.logs, 'agent.log') };
}

export function mediaServer(place: Place): Program {
  return {
    name: 'media server',
    command: [demoScript, place.films, String(originPort)],
    env: foreignEnvironment(),
    logFile: join(place.logs, 'media-server.log'),
  };
}

/** Where a running agent answers for itself. */
export function agentSocket(place: Place): string {
  return join(place.agentState, 'agent.sock');
}

/** A token is needed until the agent has become known with one. */
export function isEnrolled(place: Place): boolean {
  try {
    const identity: unknown = JSON.parse(
      readFileSync(join(place.agentState, 'identity.json'), 'utf8'),
    );
    return (identity as { state?: unknown } | null)?.state === 'enrolled';
  } catch {
    return false;
  }
}

export async function createToken(
  place: Place,
  ports: Ports,
  signal: AbortSignal,
): Promise<string> {
  const options = { env: hubEnvironment(place, ports), signal };
  const words: [string, ...string[]] = [hubScript, 'enrol-token', 'create', '--json'];
  const { token } = await ask('phlix-hub', words, options);
  if (typeof token !== 'string') throw new Error('phlix-hub enrol-token create told no token');
  return token;
}

/** What the agent says of itself; undefined while it does not answer yet. */
export async function agentStatus(
  place: Place,
  signal: AbortSignal,
): Promise<{ state: string; addresses: string[] } | undefined> {
  const env = { ...foreignEnvironment(), PHLIX_STATE_DIR: place.agentState };
  try {
    const status = await ask('phlix-agent', [agentScript, 'status', '--json'], { env, signal });
    return status as { state: string; addresses: string[] };
  } catch {
    return undefined;
  }
}

function hubEnvironment(place: Place, ports: Ports): NodeJS.ProcessEnv {
  return {
    ...foreignEnvironment(),
    HUB_PUBLIC_URL: hubUrl(ports),
    HUB_TENANT_DOMAIN: tenantDomain,
    HUB_DATA_DIR: place.hubData,
    HUB_TLS: 'local-ca',
    // Loopback: a trial is nobody else's business.
    HUB_HTTPS_LISTEN: `127.0.0.1:${ports.https}`,
    HUB_HTTP_LISTEN: `127.0.0.1:${ports.http}`,
    HUB_TUNNEL_LISTEN: `127.0.0.1:${ports.tunnel}`,
    HUB_METRICS_LISTEN: 'off',
    // The film may be playing when Ctrl-C is pressed; nobody waits for its end.
    HUB_DRAIN_TIMEOUT: '1s',
  };
}

/** Settings of a real hub or agent on this machine must not leak into the trial, nor a proxy that knows nothing of this loopback. */
function foreignEnvironment(): NodeJS.ProcessEnv {
  const foreign = Object.entries(process.env).filter(
    ([name]) => !/^(HUB|PHLIX)_/.test(name) && !proxyName.test(name),
  );
  return Object.fromEntries(foreign);
}

const proxyName = /^(https?|all)_proxy$/i;

/** Whether curl, as this shell would run it, asks a proxy for everything. */
export function usesProxy(environment: NodeJS.ProcessEnv): boolean {
  return Object.keys(environment).some((name) => proxyName.test(name) && environment[name]);
}

async function ask(
  name: string,
  [script, ...args]: [string, ...string[]],
  options: { env: NodeJS.ProcessEnv; signal: AbortSignal },
): Promise<Record<string, unknown>> {
  try {
    const { stdout } = await run(process.execPath, [script, ...args], {
      ...options,
      timeout: 30_000,
    });
    return JSON.parse(stdout) as Record<string, unknown>;
  } catch (error) {
    const said = (error as { stderr?: string }).stderr?.trim();
    throw new Error(`${name} ${args.join(' ')}: ${said || String(error)}`, { cause: error });
  }
}

const run = promisify(execFile);
