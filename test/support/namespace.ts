// A wish for a network of one's own arrives; a namespace joined to this machine by a pair of interfaces leaves, to be cut and slowed.

import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';

import { hasParts, partPath } from './parts.ts';

const namespaces = new Set<Namespace>();
process.once('exit', removeAll);
/** `phlix` + process id + serial: the kernel takes 15 characters for an interface. */
const namePattern = /^phx([0-9a-z]+)n\d+$/;
let serial = 0;

/** For `describe.skipIf(!hasNamespaces())`: the programs are there and this user may use them. */
export function hasNamespaces(): boolean {
  if (process.getuid?.() !== 0 || !hasParts('iproute2', 'tc', 'iptables')) return false;
  return spawnSync(partPath('iproute2'), ['netns', 'list']).status === 0;
}

/** A home behind a line: programs started with `inside` see only their loopback and this machine. */
export class Namespace {
  readonly name: string;
  /** Of this machine, as the inside reaches it. */
  readonly hostAddress: string;
  #address: string;

  constructor() {
    removeLeftovers();
    serial += 1;
    this.name = `phx${process.pid.toString(36)}n${serial}`;
    [this.hostAddress, this.#address] = randomPair();
    ip('netns', 'add', this.name);
    namespaces.add(this);
    this.#connect();
  }

  /** Of the inside, as this machine reaches it. */
  get address(): string {
    return this.#address;
  }

  /** Command and arguments that run a program inside; its pid is the program's own, as `ip` replaces itself. */
  inside(...command: [string, ...string[]]): [string, ...string[]] {
    return [partPath('iproute2'), 'netns', 'exec', this.name, ...command];
  }

  /** Packets vanish without a word, as behind a modem that lost its line; the inside names the direction. */
  swallow(direction: 'both' | 'incoming' | 'outgoing' = 'both'): void {
    if (direction !== 'outgoing') this.#iptables('-A', 'INPUT', '-i', 'line', '-j', 'DROP');
    if (direction !== 'incoming') this.#iptables('-A', 'OUTPUT', '-o', 'line', '-j', 'DROP');
  }

  /** Both ends of every connection hear at once that it is over, as when a router forgets what it translated. */
  cut(): void {
    const reject = ['-p', 'tcp', '-j', 'REJECT', '--reject-with', 'tcp-reset'];
    this.#iptables('-A', 'INPUT', '-i', 'line', ...reject);
    this.#iptables('-A', 'OUTPUT', '-o', 'line', ...reject);
  }

  /** Each packet is lost with this probability, in both directions. */
  lose(probability: number): void {
    const chance = ['-m', 'statistic', '--mode', 'random', '--probability', String(probability)];
    this.#iptables('-A', 'INPUT', '-i', 'line', ...chance, '-j', 'DROP');
    this.#iptables('-A', 'OUTPUT', '-o', 'line', ...chance, '-j', 'DROP');
  }

  restore(): void {
    this.#iptables('-F');
  }

  /** The inside gets another address at once and loses the former, as homes do overnight. */
  readdress(): void {
    const [ours, theirs] = randomPair();
    ip('address', 'add', `${ours}/30`, 'dev', this.#hostInterface);
    ip('-n', this.name, 'address', 'add', `${theirs}/30`, 'dev', 'line');
    ip('-n', this.name, 'address', 'delete', `${this.#address}/30`, 'dev', 'line');
    ip('-n', this.name, 'route', 'add', this.hostAddress, 'dev', 'line', 'src', theirs);
    this.#address = theirs;
  }

  /** The inside gets one address more; nothing that runs uses it. */
  addAddress(): void {
    const [, theirs] = randomPair();
    ip('-n', this.name, 'address', 'add', `${theirs}/30`, 'dev', 'line');
  }

  /** Both directions at this rate, with a queue of 50 ms. */
  limit(bitsPerSecond: number): void {
    const bucket = ['rate', `${bitsPerSecond}bit`, 'burst', '32kb', 'latency', '50ms'];
    const replace = [partPath('tc'), 'qdisc', 'replace', 'dev'] as const;
    run([...replace, this.#hostInterface, 'root', 'tbf', ...bucket]);
    run(this.inside(...replace, 'line', 'root', 'tbf', ...bucket));
  }

  remove(): void {
    if (namespaces.delete(this)) destroy(this.name);
  }

  get #hostInterface(): string {
    return this.name;
  }

  #connect(): void {
    const { name } = this;
    ip('link', 'add', this.#hostInterface, 'type', 'veth', 'peer', 'name', 'line', 'netns', name);
    ip('address', 'add', `${this.hostAddress}/30`, 'dev', this.#hostInterface);
    ip('link', 'set', this.#hostInterface, 'up');
    ip('-n', name, 'address', 'add', `${this.address}/30`, 'dev', 'line');
    ip('-n', name, 'link', 'set', 'lo', 'up');
    ip('-n', name, 'link', 'set', 'line', 'up');
  }

  #iptables(...args: string[]): void {
    run(this.inside(partPath('iptables'), '-w', ...args));
  }
}

/** 198.18.0.0/15 is set aside for measurements (RFC 2544), so no real network is hidden by it. */
function randomPair(): [ours: string, theirs: string] {
  const network = `198.${randomInt(18, 20)}.${randomInt(0, 256)}`;
  const block = randomInt(0, 64) * 4;
  return [`${network}.${block + 1}`, `${network}.${block + 2}`];
}

function ip(...args: string[]): string {
  return run([partPath('iproute2'), ...args]);
}

function run([file, ...args]: [string, ...string[]]): string {
  const { status, stdout, stderr } = spawnSync(file, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${file} ${args.join(' ')}: ${stderr}`);
  return stdout;
}

function removeAll(): void {
  for (const namespace of namespaces) namespace.remove();
}

/** Those of test processes that were killed before they could tidy up. */
function removeLeftovers(): void {
  for (const name of ip('netns', 'list').split(/\s/)) {
    const owner = Number.parseInt(namePattern.exec(name)?.[1] ?? '', 36);
    if (!Number.isNaN(owner) && !existsSync(`/proc/${owner}`)) destroy(name);
  }
}

/**
 * The interfaces first: with a namespace they go only when its last connection has given up, a minute later behind a cut line,
 * and amid other tests, whose browsers hear of it. They are gone already where somebody killed the run within this function.
 */
function destroy(name: string): void {
  spawnSync(partPath('iproute2'), ['link', 'delete', name]);
  ip('netns', 'delete', name);
}
