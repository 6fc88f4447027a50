// The running process arrives; what the defaults of settings depend on leaves: privilege and the folders of the user.

import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { homedir, totalmem } from 'node:os';
import { isAbsolute, join } from 'node:path';

export interface Machine {
  /** May listen on 80 and 443. */
  readonly bindsLowPorts: boolean;
  readonly stateFolder: string;
  readonly memoryBytes: number;
}

export function thisMachine(environment: Readonly<Record<string, string | undefined>>): Machine {
  return {
    bindsLowPorts: bindsLowPorts(),
    stateFolder: stateFolder(environment),
    memoryBytes: memoryBytes(),
  };
}

/** That of the container, else of the machine: whichever kills the process first. */
export function memoryBytes(): number {
  const constrained = process.constrainedMemory();
  const machine = totalmem();
  return constrained > 0 && constrained < machine ? constrained : machine;
}

function bindsLowPorts(): boolean {
  if (process.platform === 'win32' || process.getuid?.() === 0) return true;
  const capabilities = /^CapEff:\s*([0-9a-f]+)$/m.exec(readOrEmpty('/proc/self/status'))?.[1];
  const lowestFreePort = Number(readOrEmpty('/proc/sys/net/ipv4/ip_unprivileged_port_start'));
  return (
    (BigInt(`0x${capabilities ?? '0'}`) & netBindService) !== 0n ||
    (lowestFreePort > 0 && lowestFreePort <= 80)
  );
}

/** capabilities(7): CAP_NET_BIND_SERVICE is bit 10. */
const netBindService = 1n << 10n;

function stateFolder(environment: Readonly<Record<string, string | undefined>>): string {
  if (process.getuid?.() === 0 && isWritable('/var/lib')) return '/var/lib/phlix-hub';
  const base = environment['XDG_STATE_HOME'];
  // The XDG specification: a relative path in its variables is to be ignored.
  const isUsable = base !== undefined && isAbsolute(base);
  return join(isUsable ? base : join(homedir(), '.local', 'state'), 'phlix-hub');
}

/** A container with a read-only root is root and still cannot write there. */
function isWritable(folder: string): boolean {
  const existing = existsSync(join(folder, 'phlix-hub')) ? join(folder, 'phlix-hub') : folder;
  try {
    accessSync(existing, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
