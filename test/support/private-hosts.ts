// Names arrive; the beginning of a command leaves under which a program, and nobody else, finds them at this machine.

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { temporaryFolder } from './temporary-folder.ts';

/** A mount namespace of the program's own; root of a user namespace may bind there, root of the machine may anyway. */
const unshare = ['unshare', '--map-root-user', '--mount'] as const;

/** For `describe.skipIf(!hasPrivateHosts())`: containers often forbid namespaces. */
export function hasPrivateHosts(): boolean {
  const [file, ...options] = unshare;
  const { status } = spawnSync(file, [...options, 'mount', '--bind', '/etc/hosts', '/etc/hosts']);
  return status === 0;
}

/**
 * ffmpeg asks the C library, which does not know that every `.localhost` is this machine (RFC 6761 §6.3);
 * with a hosts file of its own it dials, and verifies, the very name that a browser would.
 */
export function withPrivateHosts(
  names: readonly string[],
  ...command: readonly string[]
): [string, ...string[]] {
  const file = join(temporaryFolder('hosts').path, 'hosts');
  writeFileSync(file, `127.0.0.1 localhost ${names.join(' ')}\n`);
  const script = 'mount --bind "$1" /etc/hosts && shift && exec "$@"';
  return [...unshare, 'sh', '-c', script, 'sh', file, ...command];
}
