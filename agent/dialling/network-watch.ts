// The machine's addresses and default routes arrive, read every two seconds; a call leaves whenever they are others than before.

import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';

export interface NetworkWatchOptions {
  readonly onChange: () => void;
  /** Two seconds: a laptop that changed its Wi-Fi is back before its owner has looked up why. A reading takes 0.2 ms. */
  readonly intervalMs?: number;
  readonly read?: () => NetworkFacts;
}

export interface NetworkFacts {
  /** Empty where the system does not show them: then none is known to be gone. */
  readonly addresses: ReadonlySet<string>;
  /** Default routes, one text each; empty where the system does not show them. */
  readonly routes: readonly string[];
}

export class NetworkWatch {
  readonly #read: () => NetworkFacts;
  readonly #timer: NodeJS.Timeout;
  #facts: NetworkFacts;
  #print: string;

  constructor({ onChange, intervalMs = 2000, read = readNetwork }: NetworkWatchOptions) {
    this.#read = read;
    this.#facts = read();
    this.#print = printOf(this.#facts);
    this.#timer = setInterval(() => {
      if (this.#hasChanged()) onChange();
    }, intervalMs);
    this.#timer.unref();
  }

  /** False: what was sent from there finds no way back, whatever is sent after it. */
  has(address: string): boolean {
    const { addresses } = this.#facts;
    return addresses.size === 0 || addresses.has(address.replace(/%.*$/, ''));
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #hasChanged(): boolean {
    this.#facts = this.#read();
    const former = this.#print;
    this.#print = printOf(this.#facts);
    return former !== this.#print;
  }
}

function printOf({ addresses, routes }: NetworkFacts): string {
  // Link-local ones lead to no hub, and come and go with every container on a NAS.
  const worthwhile = [...addresses].filter((address) => !/^fe80:/i.test(address));
  return [...worthwhile.toSorted(), '', ...routes.toSorted()].join('\n');
}

function readNetwork(): NetworkFacts {
  return {
    addresses: new Set(readAddresses().map((address) => address.replace(/%.*$/, ''))),
    routes: [
      ...defaultRoutesIpv4(readTable('/proc/net/route')),
      ...defaultRoutesIpv6(readTable('/proc/net/ipv6_route')),
    ],
  };
}

function readAddresses(): string[] {
  try {
    const found = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
    return found.map(({ address }) => address);
  } catch {
    // Sandboxes forbid it, and it takes a file descriptor: no reason to end the agent.
    return [];
  }
}

/** Columns of proc(5): Iface Destination Gateway Flags RefCnt Use Metric Mask ... */
export function defaultRoutesIpv4(table: string): string[] {
  return rowsOf(table).flatMap(([iface, destination, gateway, , , , metric, mask]) =>
    destination === '00000000' && mask === '00000000' ? [`${iface} ${gateway} ${metric}`] : [],
  );
}

/** Columns: destination, its prefix, source, its prefix, next hop, metric, references, uses, flags, interface. */
export function defaultRoutesIpv6(table: string): string[] {
  return rowsOf(table).flatMap(([destination, prefix, , , gateway, metric, , , , iface]) =>
    // The kernel keeps "unreachable" routes on lo, beside the real ones.
    /^0{32}$/.test(destination ?? '') && prefix === '00' && iface !== 'lo'
      ? [`${iface} ${gateway} ${metric}`]
      : [],
  );
}

function rowsOf(table: string): string[][] {
  return table.split('\n').map((line) => line.trim().split(/\s+/));
}

/** Empty on other systems than Linux: there the addresses alone are watched. */
function readTable(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
