// A door and a wish arrive; every byte is checked as it comes, and what became of the visit leaves: complete, cut, refused or wrong.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { setTimeout as after } from 'node:timers/promises';
import { connect as connectTls, type TLSSocket } from 'node:tls';

import type { Deployment } from '../../support/deployment.ts';

/** Where visitors knock: the name that they ask for, and where it is dialled. */
export interface Door {
  readonly hostname: string;
  readonly host: string;
  readonly port: number;
  /** PEM of the authority that they trust. */
  readonly ca: string;
}

export function doorOf({ hub, address }: Pick<Deployment, 'hub' | 'address'>): Door {
  const { hostname, port } = new URL(address);
  const ca = readFileSync(hub.caFile, 'utf8');
  return { hostname, host: '127.0.0.1', port: Number(port), ca };
}

/**
 * `cut`: the visitor was told that bytes are missing. `refused`: answered with a failure, whose code is the detail.
 * `wrong`: a byte that the origin never sent, or an end that looked whole and was not.
 */
type End = 'complete' | 'cut' | 'refused' | 'wrong';

export interface Outcome {
  readonly visitor: string;
  readonly end: End;
  readonly detail: string;
  /** Not one byte came back. */
  readonly isUnheard: boolean;
}

/** How a visit ends other than by completing; anything else that is thrown is a cut. */
export class Verdict extends Error {
  readonly end: End;

  constructor(end: Exclude<End, 'complete'>, detail: string) {
    super(detail);
    this.end = end;
  }
}

/** What a visitor does with his connection. Returning is completing; it throws a Verdict, or what the network threw. */
type Errand = (visit: Visit, connection: TLSSocket) => Promise<void>;

/** A film in the best quality there is, 16 Mbit/s: a dozen who take all they can get would starve the programs that are tested. */
const paceBytesPerMs = 2000;
/** A first second of film. More would go to sleep in the buffers of the kernel, where no fault reaches it. */
const aheadBytes = 262_144;

export class Visit {
  readonly name: string;
  readonly door: Door;
  /** Never rejects. */
  readonly outcome: Promise<Outcome>;
  readonly #raw: Socket;
  #secure: TLSSocket | undefined;
  readonly #beganAt = performance.now();
  readonly #waiting = new Set<() => void>();
  #checkedBytes = 0;
  #isOver = false;
  #hold: PromiseWithResolvers<void> | undefined;
  readonly #left = new AbortController();

  constructor(name: string, door: Door, protocol: 'h2' | 'http/1.1', errand: Errand) {
    this.name = name;
    this.door = door;
    this.#raw = connectTcp({ host: door.host, port: door.port, noDelay: true });
    this.#raw.on('error', ignore);
    this.outcome = this.#run(protocol, errand);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get checkedBytes(): number {
    return this.#checkedBytes;
  }

  /** @throws Verdict wrong, at the first byte that differs */
  check(arrived: Buffer, expected: Buffer): void {
    if (!arrived.equals(expected)) {
      throw new Verdict('wrong', `${this.name}: bytes differ behind ${this.#checkedBytes}`);
    }
    this.advance(arrived.length);
  }

  /** Bytes that need no comparing here: those of an upload. */
  advance(bytes: number): void {
    this.#checkedBytes += bytes;
    this.#wake();
  }

  /** Resolves when that many more bytes have moved. @throws when the visit ends before */
  async moves(bytes: number): Promise<void> {
    const goal = this.#checkedBytes + bytes;
    while (this.#checkedBytes < goal) {
      if (this.#isOver) {
        const { end, detail } = await this.outcome;
        throw new Error(`${this.name} was to go on, and is ${end}: ${detail}`);
      }
      const moved = Promise.withResolvers<void>();
      this.#waiting.add(moved.resolve);
      await moved.promise;
    }
  }

  /** Takes and gives no more bytes, until `release`. */
  hold(): void {
    this.#hold ??= Promise.withResolvers();
  }

  release(): void {
    this.#hold?.resolve();
    this.#hold = undefined;
  }

  /** What an errand awaits between two pieces. */
  async passage(): Promise<void> {
    await this.#hold?.promise;
    const dueMs = this.#beganAt + (this.#checkedBytes - aheadBytes) / paceBytesPerMs;
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await after(waitMs);
  }

  /**
   * Vanishes as a killed player does: with a reset. In a turn of its own: whoever asks may be called from a read of this very
   * connection, and Node frees a TLS socket whose transport has gone under the read that is still at work (a crash, seen).
   */
  leave(): void {
    setImmediate(() => {
      this.#raw.resetAndDestroy();
      this.#close();
      this.release();
      this.#left.abort();
    });
  }

  async #run(protocol: string, errand: Errand): Promise<Outcome> {
    try {
      this.#secure = await secure(this.#raw, this.door, protocol, this.#left.signal);
      await errand(this, this.#secure);
      return this.#outcomeOf('complete', '');
    } catch (error) {
      return this.#outcomeOf(error instanceof Verdict ? error.end : 'cut', detailOf(error));
    } finally {
      this.#isOver = true;
      this.#close();
      this.#wake();
    }
  }

  #outcomeOf(end: End, detail: string): Outcome {
    return { visitor: this.name, end, detail, isUnheard: this.#raw.bytesRead === 0 };
  }

  /** Both: over a lost connection TLS would still hand out what it has decrypted, to a reader that is gone. */
  #close(): void {
    this.#secure?.destroy();
    this.#raw.destroy();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}

/** `signal`: a connection that is left in the middle says neither that it stands nor that it fell. */
async function secure(
  raw: Socket,
  door: Door,
  protocol: string,
  signal: AbortSignal,
): Promise<TLSSocket> {
  await once(raw, 'connect', { signal });
  const { hostname: servername, ca } = door;
  const connection = connectTls({ socket: raw, servername, ca, ALPNProtocols: [protocol] });
  // Of what comes later the errand hears in its own way.
  connection.on('error', ignore);
  await once(connection, 'secureConnect', { signal });
  return connection;
}

function detailOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function ignore(): void {}
