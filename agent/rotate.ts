// The wish for a new key arrives, from a command; the agent that runs makes it, or the command does where none runs.

import { connect } from 'node:net';

import { z } from 'zod';

import { createLogger } from '../shared/log.ts';
import { version } from '../shared/version.ts';
import type { AgentConfig } from './config.ts';
import { openStateFolder } from './credentials.ts';
import { AgentFailure, asFailure } from './failure.ts';
import { storedIdentity } from './identity.ts';
import { Keys } from './keys.ts';
import { LineSocket } from './line-socket.ts';
import { serveStatus, socketPath, type AgentStatus } from './status.ts';
import { isAgentFailureCode } from './supervise.ts';

export interface Rotated {
  readonly agentId: string;
  readonly formerAgentId: string;
}

export const rotateQuestion = 'rotate';

/** A dial through every way, and the answer. */
const answerMs = 60_000;
const deadlineMs = 10_000;

/** @throws AgentFailure | CredentialError | StatusError | SettingsError */
export async function rotate(readConfig: () => AgentConfig, folder: string): Promise<Rotated> {
  return (await askRunning(folder)) ?? (await rotateAlone(readConfig()));
}

/** On the status socket of a running agent. Cannot reject. */
export async function answerRotate(
  socket: LineSocket,
  keys: Keys | undefined,
  epoch: bigint,
): Promise<void> {
  try {
    if (keys === undefined) throw notEnrolled();
    const formerAgentId = keys.identity.agentId;
    const { agentId } = await keys.rotate(epoch);
    socket.end(`${JSON.stringify({ agentId, formerAgentId })}\n`);
  } catch (error) {
    const { code, message } = asFailure(error);
    socket.end(`${JSON.stringify({ code, message })}\n`);
  }
}

const answer = z.union([
  z.object({ agentId: z.string(), formerAgentId: z.string() }),
  z.object({ code: z.string(), message: z.string() }),
]);

/** Undefined: none runs. @throws AgentFailure */
async function askRunning(folder: string): Promise<Rotated | undefined> {
  const socket = new LineSocket(connect(socketPath(folder)));
  socket.send(rotateQuestion);
  const line = await socket.next(answerMs);
  socket.destroy();
  if (line === undefined) return undefined;
  const parsed = answer.safeParse(JSON.parse(line));
  if (!parsed.success)
    throw new AgentFailure(
      'agent.misconfigured',
      'the agent that runs is older than this command: restart it, then try again',
    );
  if ('agentId' in parsed.data) return parsed.data;
  const { code, message } = parsed.data;
  throw new AgentFailure(isAgentFailureCode(code) ? code : 'agent.internal', message);
}

/** The status socket is the lock: an agent that starts meanwhile waits for its turn. */
async function rotateAlone(config: AgentConfig): Promise<Rotated> {
  await openStateFolder(config.stateFolder);
  const identity = await storedIdentity(config);
  if (identity === undefined) throw notEnrolled();
  const door = await serveStatus(config.stateFolder, () => statusOf(config));
  try {
    const keys = new Keys({
      config,
      identity,
      software: `phlix-agent/${version}`,
      deadlineMs,
      log: createLogger({ level: 'error', name: 'phlix-agent' }),
      signal: AbortSignal.timeout(answerMs),
    });
    const { agentId } = await keys.rotate(undefined);
    return { agentId, formerAgentId: identity.agentId };
  } finally {
    door.close();
  }
}

function statusOf(config: AgentConfig): AgentStatus {
  return {
    version,
    state: 'connecting',
    hub: config.hub.url,
    addresses: [],
    since: new Date().toISOString(),
    streams: 0,
    links: [],
    origin: { url: config.origin.url, state: 'untried' },
  };
}

function notEnrolled(): AgentFailure {
  return new AgentFailure(
    'token.missing',
    'this server is not enrolled yet, so it has no key to change: start the agent with a token first',
  );
}
