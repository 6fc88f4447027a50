// An agent that runs and its successor on the same state folder arrive; the successor's links leave beside the old ones, and then in their place.

import { connect } from 'node:net';
import { setTimeout as after } from 'node:timers/promises';

import { z } from 'zod';

import type { Logger } from '../shared/log.ts';
import { maxLinksPerAgent } from '../shared/wire/limits.ts';
import { LineSocket } from './line-socket.ts';
import type { Slots } from './slots.ts';
import { alreadyRunning, socketPath } from './status.ts';

/** What a successor goes on with. To the hub both are one process until the former is gone (rule P14). */
export interface Inheritance {
  readonly epoch: bigint;
  /** The slots that the former's links are in. */
  readonly slots: readonly number[];
  /** How many links the hub grants one agent. */
  readonly maxLinks: number;
}

const offered = z.object({
  epoch: z.string().regex(/^\d{1,19}$/),
  slots: z.array(
    z
      .int()
      .min(0)
      .max(maxLinksPerAgent - 1),
  ),
  maxLinks: z.int().min(1).max(maxLinksPerAgent),
});

/** The question, and the two words that follow the offer. */
export const takeoverQuestion = 'takeover';
const ready = 'ready';
const done = 'done';

/** Both ends answer from memory: one that takes longer hangs. */
const answerMs = 2000;
/** A successor has this long to reach the hub; then the former stays, and the update has failed without harm. */
const successorMs = 90_000;

/** The running agent, as its successor sees it. */
export class Predecessor {
  readonly inheritance: Inheritance;
  readonly #socket: LineSocket;
  readonly #folder: string;

  constructor(folder: string, inheritance: Inheritance, socket: LineSocket) {
    this.#folder = folder;
    this.inheritance = inheritance;
    this.#socket = socket;
  }

  /**
   * Resolves when the former agent has left the status socket and takes no more streams; false: this one ended first.
   * @throws StatusError status.already-running when there is no link within the time: the former agent goes on
   */
  async takeOver(events: SuccessorEvents): Promise<boolean> {
    const { slots, maxLinks } = this.inheritance;
    // With no slot left, or with no link to keep, there is nothing to be gained by waiting.
    const isGapless = slots.length > 0 && slots.length < maxLinks;
    const came = isGapless ? await this.#wait(events) : 'linked';
    if (came === 'late') {
      const why = 'it goes on, for this one did not reach the hub in time';
      throw alreadyRunning(this.#folder, why);
    }
    if (came === 'over') return false;
    if (came === 'linked' && !(await this.#handOver())) {
      events.log.warn('the former agent did not say that it lets go');
    }
    return true;
  }

  /** It stays, unless it has let go. */
  withdraw(): void {
    this.#socket.destroy();
  }

  async #wait({ linked, over, patienceMs }: SuccessorEvents): Promise<Coming> {
    const done = new AbortController();
    const late = after(patienceMs, 'late' as const, { signal: done.signal });
    const came = await Promise.race([
      late,
      linked.then(() => 'linked' as const),
      over.then(() => 'over' as const),
      // It ended by itself, or was killed.
      this.#socket.closed.then(() => 'gone' as const),
    ]);
    done.abort();
    await late.catch(() => undefined);
    return came;
  }

  async #handOver(): Promise<boolean> {
    this.#socket.send(ready);
    const word = await this.#socket.next(answerMs);
    this.#socket.destroy();
    return word === done;
  }
}

type Coming = 'linked' | 'over' | 'gone' | 'late';

export interface SuccessorEvents {
  /** A link of the successor's own stands. */
  readonly linked: Promise<unknown>;
  /** The successor stops, or was refused for good. */
  readonly over: Promise<unknown>;
  readonly patienceMs: number;
  readonly log: Logger;
}

/**
 * The agent that runs with this folder, willing to hand over; undefined when none does.
 * @throws StatusError status.already-running when one does and is not willing: it enrols, or has a successor already
 */
export async function findPredecessor(folder: string): Promise<Predecessor | undefined> {
  const socket = new LineSocket(connect(socketPath(folder)));
  socket.send(takeoverQuestion);
  const answer = await socket.next(answerMs);
  if (answer === undefined) {
    socket.destroy();
    return undefined;
  }
  const inheritance = parseOffer(answer);
  if (inheritance !== undefined) return new Predecessor(folder, inheritance, socket);
  socket.destroy();
  throw alreadyRunning(folder);
}

export interface EstateOptions {
  readonly epoch: bigint;
  readonly slots: Slots;
  /** Whether a link of this process takes streams. */
  readonly isLinked: () => boolean;
  /** Leaves the status socket, at once: the successor wants to listen there. */
  readonly leave: () => void;
  /** From now on the successor serves. */
  readonly onHandedOver: () => void;
  readonly log: Logger;
}

/** What a running agent hands to its successor, and to one only. */
export class Estate {
  readonly #options: EstateOptions;
  #hasSuccessor = false;

  constructor(options: EstateOptions) {
    this.#options = options;
  }

  /** Cannot reject. */
  async answer(socket: LineSocket): Promise<void> {
    if (this.#hasSuccessor) return refuseSuccessor(socket);
    const { slots, leave, onHandedOver, log } = this.#options;
    this.#hasSuccessor = true;
    socket.send(this.#offer());
    const word = await socket.next(successorMs);
    if (word !== ready) {
      this.#hasSuccessor = false;
      slots.release();
      socket.destroy();
      log.warn('the agent that was to take over did not: this one goes on');
      return undefined;
    }
    leave();
    socket.end(`${done}\n`);
    log.info('another agent has taken over: this one finishes its streams and ends');
    return onHandedOver();
  }

  #offer(): string {
    const { epoch, slots, isLinked } = this.#options;
    // Until it is decided, neither of the two may dial into a slot of the other.
    slots.keepToHeld();
    const held = isLinked() ? slots.held : [];
    return JSON.stringify({ epoch: String(epoch), slots: held, maxLinks: slots.granted });
  }
}

export function refuseSuccessor(socket: LineSocket): void {
  socket.end(`${JSON.stringify({ busy: true })}\n`);
}

function parseOffer(line: string): Inheritance | undefined {
  try {
    const { epoch, slots, maxLinks } = offered.parse(JSON.parse(line));
    return { epoch: BigInt(epoch), slots, maxLinks };
  } catch {
    return undefined;
  }
}
