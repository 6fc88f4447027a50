// Ports of a hub arrive; a real HAProxy leaves that listens on the same ports of another loopback address and says, before each connection, whose it is.

import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';

import { partPath } from './parts.ts';
import { Program } from './program.ts';
import { temporaryFolder } from './temporary-folder.ts';

export interface HaproxyOptions {
  readonly ports: readonly number[];
  /** Where visitors and agents find it. */
  readonly at: string;
  /** Where the hub listens. */
  readonly hub: string;
  /** Where its connections to the hub come from. */
  readonly from: string;
  /** Of each `server` line: `send-proxy-v2`. */
  readonly serverOptions: string;
}

export async function startHaproxy(options: HaproxyOptions): Promise<Program> {
  const file = join(temporaryFolder('haproxy').path, 'haproxy.cfg');
  writeFileSync(file, settingsOf(options));
  const program = new Program({ command: [partPath('haproxy'), '-db', '-f', file] });
  for (const port of options.ports) await reach(options.at, port, program);
  return program;
}

function settingsOf({ ports, at, hub, from, serverOptions }: HaproxyOptions): string {
  const listeners = ports.map(
    (port) => `
listen port-${port}
  bind ${at}:${port}
  server hub ${hub}:${port} source ${from} ${serverOptions}`,
  );
  return `global
  maxconn 500
defaults
  mode tcp
  timeout connect 5s
  timeout client 1m
  timeout server 1m
${listeners.join('\n')}
`;
}

/** It binds its ports within a second or ends. */
async function reach(host: string, port: number, program: Program): Promise<void> {
  for (const deadline = Date.now() + 10_000; Date.now() < deadline;) {
    const socket = connect(port, host);
    try {
      await once(socket, 'connect');
      return;
    } catch {
      await Promise.race([program.ended, new Promise((resolve) => setTimeout(resolve, 50))]);
    } finally {
      socket.destroy();
    }
  }
  throw new Error(`HAProxy does not listen on ${host}:${port}: ${program.output}`);
}
