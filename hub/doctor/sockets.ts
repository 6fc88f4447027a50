// The kernel's list of sockets arrives; who listens where leaves, and which of them are this process's own. Linux only: elsewhere it is not told.

import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';

export interface Listener {
  readonly protocol: 'tcp' | 'udp';
  /** `0.0.0.0`, `::`, `127.0.0.1`; undefined where the kernel writes one that this does not read. */
  readonly address: string;
  readonly port: number;
  readonly inode: string;
  readonly isOwn: boolean;
}

/** Undefined: this system does not say. `kernel`: `/proc`. */
export async function listeners(kernel: string): Promise<Listener[] | undefined> {
  const own = await inodesOf(join(kernel, 'self', 'fd'));
  if (own === undefined) return undefined;
  const tables = await Promise.all(
    (['tcp', 'tcp6', 'udp', 'udp6'] as const).map(async (name) => {
      const text = await readFile(join(kernel, 'self', 'net', name), 'utf8').catch(() => '');
      return listenersIn(text, name.startsWith('tcp') ? 'tcp' : 'udp');
    }),
  );
  return tables.flat().map((found) => ({ ...found, isOwn: own.has(found.inode) }));
}

/** Who holds a socket: `nginx (process 812)`. Undefined: it belongs to another user, whom only root sees. */
export async function holderOf(inode: string, kernel: string): Promise<string | undefined> {
  const entries = await readdir(kernel).catch(() => []);
  for (const pid of entries.filter((name) => /^\d+$/.test(name))) {
    const own = await inodesOf(join(kernel, pid, 'fd'));
    if (own?.has(inode) !== true) continue;
    const name = await readFile(join(kernel, pid, 'comm'), 'utf8').catch(() => '');
    return `${name.trim() || 'a program'} (process ${pid})`;
  }
  return undefined;
}

async function inodesOf(folder: string): Promise<Set<string> | undefined> {
  const names = await readdir(folder).catch(() => undefined);
  if (names === undefined) return undefined;
  const links = await Promise.all(
    names.map(async (name) => readlink(join(folder, name)).catch(() => '')),
  );
  return new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
}

/** proc_net(5): `sl local rem st ...`, numbers in hexadecimal. 0A is LISTEN; of UDP, 07 is a socket that is bound. */
function listenersIn(text: string, protocol: Listener['protocol']): Omit<Listener, 'isOwn'>[] {
  const state = protocol === 'tcp' ? '0A' : '07';
  return text.split('\n').flatMap((line) => {
    const [, local = '', , found, , , , , , inode = ''] = line.trim().split(/\s+/);
    const [host = '', port = ''] = local.split(':');
    if (found !== state || port === '') return [];
    return [{ protocol, address: addressOf(host), port: Number.parseInt(port, 16), inode }];
  });
}

/** Four bytes at a time, in the machine's order of them: the least first on all that the hub runs on. */
function addressOf(hex: string): string {
  const bytes = hex.match(/.{8}/g)?.flatMap((word) => word.match(/../g)?.toReversed() ?? []) ?? [];
  if (bytes.length === 4) return bytes.map((byte) => Number.parseInt(byte, 16)).join('.');
  if (bytes.every((byte) => byte === '00')) return '::';
  const groups = Array.from({ length: 8 }, (_, at) => `${bytes[2 * at]}${bytes[2 * at + 1]}`);
  return URL.parse(`http://[${groups.join(':')}]`)?.hostname.slice(1, -1) ?? groups.join(':');
}
