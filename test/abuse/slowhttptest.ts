// A hub's address arrives; slowhttptest attacks it in one of its four ways, and how many connections it could hold leaves.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { connect } from 'node:tls';

import { partPath } from '../support/parts.ts';
import { withPrivateHosts } from '../support/private-hosts.ts';
import type { Ends } from './attacks/attack.ts';

/** By what is slow. */
export const slowModes: ReadonlyMap<string, readonly string[]> = new Map([
  ['slowhttptest, headers', ['-H']],
  ['slowhttptest, body', ['-B', '-s', '8192']],
  ['slowhttptest, ranges', ['-R', '-a', '10', '-b', '3000']],
  ['slowhttptest, reading', ['-X', '-w', '512', '-y', '1024', '-n', '5', '-z', '32', '-k', '3']],
]);

export async function runSlowHttpTest(
  mode: readonly string[],
  url: URL,
  { connections, seconds }: { connections: number; seconds: number },
): Promise<Ends> {
  const relay = await startRelay(url);
  const { hostname, pathname } = url;
  const target = `http://${hostname}:${relay.port}${pathname}`;
  const sizes = ['-c', String(connections), '-r', '100', '-l', String(seconds)];
  const words = [...mode, '-u', target, ...sizes, '-i', '2', '-x', '24', '-p', '3'];
  const [file, ...args] = withPrivateHosts([hostname], partPath('slowhttptest'), ...words);
  const program = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let told = '';
  for (const stream of [program.stdout, program.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (told += text));
  await new Promise((resolve) => program.once('close', resolve));
  relay.stop();
  if (!told.includes('slow HTTP test status')) throw new Error(`slowhttptest did not run: ${told}`);
  return endsOf(told);
}

/** It names no server in its handshake, and would get no further than that: this speaks TLS for it, and is as slow as it is. */
async function startRelay({ hostname, port }: URL): Promise<{ port: number; stop(): void }> {
  const server = createServer((slow) => {
    const hub = connect({
      host: '127.0.0.1',
      port: Number(port),
      servername: hostname,
      rejectUnauthorized: false,
    });
    for (const [one, other] of [
      [slow, hub],
      [hub, slow],
    ] as const) {
      one.on('error', () => undefined);
      one.once('close', () => other.destroy());
      one.pipe(other);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, stop: () => void server.close() };
}

/** The last of the reports that it prints every five seconds, and the reason why it ended. */
function endsOf(told: string): Ends {
  // oxlint-disable-next-line no-control-regex -- colours of a terminal
  const plain = told.replaceAll(/\x1b\[[0-9;]*[A-Za-z]/g, '');
  const last = (what: string): number =>
    Number([...plain.matchAll(new RegExp(`${what}:\\s+(\\d+)`, 'g'))].at(-1)?.[1] ?? 0);
  const [, reason = 'no reason'] = /Exit status:\s*(.+)/.exec(plain) ?? [];
  const available = [...plain.matchAll(/service available:\s+(\w+)/g)];
  return {
    connected: last('connected'),
    closed: last('closed'),
    error: last('error'),
    [`its end: ${reason.trim()}`]: 1,
    'reports of an unavailable service': available.filter(([, word]) => word === 'NO').length,
  };
}
