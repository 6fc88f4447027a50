// The question whether the running hub is alive, or ready, arrives; its own answer leaves, as words and as an exit code for containers.

import { get } from 'node:http';
import { text } from 'node:stream/consumers';

import { Command } from 'commander';

import type { ListenAddress } from '../../shared/listen-address.ts';
import { ControlClient } from '../process/control-client.ts';
import { ControlError } from '../process/control-words.ts';
import { configOf, printJson, type CommandContext } from './command-context.ts';
import { exitCode } from './exit-code.ts';

interface Options {
  readonly ready?: boolean;
  readonly json?: boolean;
}

/** Containers' healthchecks wait ten seconds; a hub that is busy for half of that is not well. */
const patienceMs = 5000;

export function healthCommand(
  context: CommandContext,
  finish: (exitCode: number) => void,
): Command {
  return new Command('health')
    .description('say whether the running hub is alive; exit code 0 when it is, 69 when not')
    .option('--ready', 'whether it serves: its database, its certificates, the door for agents')
    .option('--json', 'print one JSON object')
    .action(async (options: Options) => finish(await health(context, options)));
}

/** What the hub said, or why it said nothing. */
interface Health {
  readonly healthy: boolean;
  /** As the hub gave it: for `--ready`, each part and its reason. */
  readonly answer?: unknown;
  readonly reason?: string;
}

/** @throws SettingsError */
async function health(context: CommandContext, options: Options): Promise<number> {
  const { metricsListen, dataDir } = configOf(context);
  const found =
    metricsListen === undefined
      ? await byControlSocket(dataDir, options.ready === true)
      : await ask(metricsListen, options.ready === true ? '/readyz' : '/healthz');
  if (options.json === true) printJson(context, found);
  else context.stdout.write(`${sentence(found, options.ready === true)}\n`);
  return found.healthy ? exitCode.ok : exitCode.unavailable;
}

function sentence({ healthy, answer, reason }: Health, isReadiness: boolean): string {
  if (healthy) return isReadiness ? 'The hub is ready.' : 'The hub is alive.';
  const said = answer === undefined ? '' : `: ${JSON.stringify(answer)}`;
  return reason ?? `The hub is not ${isReadiness ? 'ready' : 'well'}${said}`;
}

async function ask({ host, port }: ListenAddress, path: string): Promise<Health> {
  // Whatever listens everywhere listens on loopback too.
  const isAnywhere = host === undefined || host === '0.0.0.0' || host === '::';
  const place = { host: isAnywhere ? '127.0.0.1' : host, port, path };
  try {
    const { status, body } = await fetched(place);
    return { healthy: status === 200, ...(body !== '' && { answer: parsed(body) }) };
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? String(error);
    return {
      healthy: false,
      reason: `Nothing answers at HUB_METRICS_LISTEN, ${place.host} port ${port} (${why}): no hub runs here, it still starts, or it drains.`,
    };
  }
}

async function fetched(place: {
  host: string;
  port: number;
  path: string;
}): Promise<{ status: number; body: string }> {
  const signal = AbortSignal.timeout(patienceMs);
  return new Promise((resolve, reject) => {
    const request = get({ ...place, agent: false, signal }, (response) => {
      text(response).then(
        (body) => resolve({ status: response.statusCode ?? 0, body: body.trim() }),
        reject,
      );
    });
    request.on('error', reject);
  });
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}

/** Without metrics there is no port to ask, but the socket in the data folder: a hub that takes the connection is alive. */
async function byControlSocket(dataDir: string, isReadiness: boolean): Promise<Health> {
  const hub = await ControlClient.connect(dataDir, { answerMs: patienceMs });
  if (hub === undefined) return noHub(dataDir);
  try {
    if (!isReadiness) return { healthy: true };
    const said = await hub.ask('ready');
    if (said?.event !== 'readiness') return noHub(dataDir);
    return { healthy: said.ready, answer: said.parts };
  } catch (error) {
    if (error instanceof ControlError) return { healthy: false, reason: error.message };
    throw error;
  } finally {
    hub.close();
  }
}

function noHub(dataDir: string): Health {
  return { healthy: false, reason: `No hub runs with ${dataDir}.` };
}
