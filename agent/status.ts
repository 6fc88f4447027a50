// Questions arrive on a socket in the state folder; what the running agent is doing leaves as JSON. The socket is also its lock.

import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { unlink } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';

import { z } from 'zod';

import { CodedError } from '../shared/errors.ts';
import { isSocketPath } from '../shared/unix-socket-path.ts';
import { LineSocket } from './line-socket.ts';

/** One link, or the wait for one. */
const linkStatus = z.object({
  /** Its number at the hub; none while there is no link. */
  slot: z.number().optional(),
  /** Draining: it carries what it carries, and nothing new. */
  state: z.enum(['connecting', 'waiting', 'connected', 'draining']),
  since: z.string(),
  retryAt: z.string().optional(),
  tunnel: z.string().optional(),
  /** The other end of the connection: the hub, or the proxy. */
  address: z.string().optional(),
  proxy: z.string().optional(),
  streams: z.number().optional(),
  roundTripMs: z.number().optional(),
});
export type LinkStatus = z.infer<typeof linkStatus>;

/** The running agent's own account of itself, printed as it is by `status --json`. Times are RFC 3339. */
const agentStatus = z.object({
  version: z.string(),
  state: z.enum(['enrolling', 'connecting', 'connected', 'stopping']),
  hub: z.string(),
  serverId: z.string().optional(),
  addresses: z.array(z.string()).readonly(),
  /** Since when the state is what it is. */
  since: z.string(),
  streams: z.number(),
  /** The shortest of its links. */
  roundTripMs: z.number().optional(),
  /** An agent of before there were several does not say. */
  links: z.array(linkStatus).readonly().default([]),
  origin: z.object({
    url: z.string(),
    state: z.enum(['untried', 'answering', 'unreachable', 'silent', 'untrusted']),
  }),
  lastFailure: z
    .object({
      code: z.string(),
      message: z.string(),
      at: z.string(),
      retryAt: z.string().optional(),
    })
    .optional(),
});
export type AgentStatus = z.infer<typeof agentStatus>;

class StatusError extends CodedError<'status.already-running' | 'status.path-too-long'> {}

/** Answers until it is closed. @throws StatusError status.already-running | status.path-too-long */
export async function serveStatus(
  folder: string,
  status: () => AgentStatus,
  answers: Readonly<Record<string, (socket: LineSocket) => void>> = {},
): Promise<Server> {
  const path = socketPath(folder);
  const server = createServer((accepted) => {
    const socket = new LineSocket(accepted);
    void socket.next(questionMs).then((question = '') => {
      const answer = Object.hasOwn(answers, question) ? answers[question] : undefined;
      if (answer === undefined) socket.end(JSON.stringify(status()));
      else answer(socket);
    });
  });
  try {
    await listen(server, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    if ((await readStatus(folder)) !== undefined) throw alreadyRunning(folder);
    // Nobody answers: an agent that was killed left it behind.
    await unlink(path);
    await listen(server, path);
  }
  // Without file descriptors nobody is told the status; the tunnel goes on.
  server.on('error', () => undefined);
  server.unref();
  return server;
}

/** Undefined when no agent runs with this folder. @throws StatusError status.path-too-long */
export async function readStatus(folder: string): Promise<AgentStatus | undefined> {
  const socket = connect(socketPath(folder), () => socket.write('status\n'));
  socket.setTimeout(answerTimeoutMs, () => socket.destroy(new Error('no answer')));
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of socket as AsyncIterable<Buffer>) chunks.push(chunk);
    return agentStatus.parse(JSON.parse(Buffer.concat(chunks).toString('utf8')));
  } catch {
    return undefined;
  }
}

const answerTimeoutMs = 2000;
/** Whoever asks nothing is told how it is. */
const questionMs = 500;

async function listen(server: Server, path: string): Promise<void> {
  server.listen(path);
  await once(server, 'listening');
}

export function socketPath(folder: string): string {
  const path = join(folder, 'agent.sock');
  if (isSocketPath(path)) return path;
  throw new StatusError(
    'status.path-too-long',
    `${path} is too long for a socket: set PHLIX_STATE_DIR to a shorter path`,
  );
}

export function alreadyRunning(
  folder: string,
  why = 'stop it, or give this one a PHLIX_STATE_DIR of its own',
): StatusError {
  return new StatusError('status.already-running', `another agent runs with ${folder}: ${why}`);
}
