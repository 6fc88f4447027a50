// A namespace and the names of its hub arrive; what wraps a command leaves, so that programs inside find those names.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Namespace } from './namespace.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** Their own /etc/hosts covers the machine's, in a mount namespace that `ip` made. */
export function homeWithNames(
  home: Namespace,
  names: Readonly<Record<string, string>>,
): (command: [string, ...string[]]) => [string, ...string[]] {
  const hosts = join(temporaryFolder('home').path, 'hosts');
  const lines = Object.entries(names).map(([name, address]) => `${address} ${name}\n`);
  writeFileSync(hosts, ['127.0.0.1 localhost\n', ...lines].join(''));
  const script = 'mount --bind "$0" /etc/hosts && exec "$@"';
  return (command) => home.inside('sh', '-c', script, hosts, ...command);
}
