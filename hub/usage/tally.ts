// What the exchanges of one server moved arrives as numbers; what has come since somebody last looked leaves.

import type { Rate } from './rate.ts';
import type { StatusClass } from './usage.ts';

/** In the order of a tally's `requests`. */
export const statusClasses: readonly StatusClass[] = ['1xx', '2xx', '3xx', '4xx', '5xx', 'none'];
const noAnswer = statusClasses.indexOf('none');

/** All servers of one owner. */
export class OwnerTally {
  readonly ownerId: string;
  /** Ids of those with a tally. */
  readonly servers = new Set<string>();
  running = 0;
  rate: Rate | undefined;

  constructor(ownerId: string) {
    this.ownerId = ownerId;
  }
}

/** Counts from the start of the process; they only go up. */
export interface Counted {
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** In the order of `statusClasses`. */
  readonly requests: readonly number[];
}

/** One exchange that still runs. */
interface Moving {
  readonly bytesUp: number;
  readonly bytesDown: number;
}

export class Tally<One extends Moving = Moving> {
  readonly serverId: string;
  /** The latest one: bytes are counted for whoever the server belongs to. */
  owner: OwnerTally;
  readonly live = new Set<One>();
  rate: Rate | undefined;
  /** How often somebody had to wait for a rate. */
  waits = 0;
  /** Of exchanges that are over. */
  #bytesUp = 0;
  #bytesDown = 0;
  readonly #requests = statusClasses.map(() => 0);

  constructor(serverId: string, owner: OwnerTally) {
    this.serverId = serverId;
    this.owner = owner;
  }

  /** Undefined: the visitor left before there was an answer. */
  noteStatus(status: number | undefined): void {
    const at = status === undefined ? noAnswer : Math.floor(status / 100) - 1;
    const index = at >= 0 && at < noAnswer ? at : noAnswer;
    this.#requests[index] = (this.#requests[index] ?? 0) + 1;
  }

  begin(meter: One): void {
    this.live.add(meter);
    this.owner.running += 1;
  }

  end(meter: One, owner: OwnerTally): void {
    if (!this.live.delete(meter)) return;
    owner.running -= 1;
    this.#bytesUp += meter.bytesUp;
    this.#bytesDown += meter.bytesDown;
  }

  counted(): Counted {
    let [bytesUp, bytesDown] = [this.#bytesUp, this.#bytesDown];
    for (const meter of this.live) {
      bytesUp += meter.bytesUp;
      bytesDown += meter.bytesDown;
    }
    return { bytesUp, bytesDown, requests: [...this.#requests] };
  }
}

export const nothingCounted: Counted = {
  bytesUp: 0,
  bytesDown: 0,
  requests: statusClasses.map(() => 0),
};

export function difference(now: Counted, before: Counted): Counted {
  return {
    bytesUp: now.bytesUp - before.bytesUp,
    bytesDown: now.bytesDown - before.bytesDown,
    requests: now.requests.map((count, at) => count - (before.requests[at] ?? 0)),
  };
}

export function sum(one: Counted, other: Counted): Counted {
  return {
    bytesUp: one.bytesUp + other.bytesUp,
    bytesDown: one.bytesDown + other.bytesDown,
    requests: one.requests.map((count, at) => count + (other.requests[at] ?? 0)),
  };
}

export function isNothing({ bytesUp, bytesDown, requests }: Counted): boolean {
  return bytesUp === 0 && bytesDown === 0 && requests.every((count) => count === 0);
}
