// A door arrives; visitors of every kind leave, all of them in the middle of something that would never end by itself.

import { within } from '../../support/deadline.ts';
import { chat, download, listen, upload } from './errands.ts';
import type { Door, Outcome, Visit } from './visit.ts';

/** Enough for each to be past its first windows and buffers, with bytes at every hop when the fault strikes. */
const warmBytes = 2_000_000;
const talkBytes = 100;
/** The slowest is a line that falls silent: noticed after two seconds of pings, five on a busy machine. */
const noticeMs = 20_000;
/** Two seconds of work on a machine that is idle. */
const moveMs = 60_000;

export class Crowd {
  readonly visits: readonly Visit[];

  /** Resolves when bytes have moved for each. */
  static async gather(door: Door): Promise<Crowd> {
    const crowd = new Crowd(door);
    try {
      await crowd.goesOn();
      return crowd;
    } catch (error) {
      crowd.leave();
      throw error;
    }
  }

  private constructor(door: Door) {
    this.visits = [
      download(door),
      download(door, { version: 'HTTP/2' }),
      download(door, { from: 1_000_003 }),
      download(door, { from: 2 ** 33 + 1, version: 'HTTP/2' }),
      download(door, { isChunked: true }),
      download(door, { isChunked: true, version: 'HTTP/2' }),
      listen(door),
      listen(door, 'HTTP/2'),
      upload(door, 'HTTP/1.1'),
      upload(door, 'HTTP/2'),
      chat(door),
    ];
  }

  /** Resolves when more bytes have moved for each. @throws when a visit ended */
  async goesOn(): Promise<void> {
    const waiting = new Set(this.visits);
    const moved = this.visits.map(async (visit) => {
      await visit.moves(/^(events|WebSocket)/.test(visit.name) ? talkBytes : warmBytes);
      waiting.delete(visit);
    });
    await within(Promise.all(moved), moveMs, () => `bytes for ${namesOf(waiting)}`);
  }

  /** Of all, once the last has ended. @throws at the deadline, with the names of those whom nothing tells that it is over */
  async outcomes(): Promise<Outcome[]> {
    const waiting = new Set(this.visits);
    const ended = this.visits.map(async (visit) => {
      const outcome = await visit.outcome;
      waiting.delete(visit);
      return outcome;
    });
    return within(Promise.all(ended), noticeMs, () => `the end of ${namesOf(waiting)}`);
  }

  leave(): void {
    for (const visit of this.visits) visit.leave();
  }
}

function namesOf(visits: ReadonlySet<Visit>): string {
  return [...visits].map(({ name }) => name).join(', ');
}

/** Visits that do end, too long to be carried by buffers alone, and few enough for a busy machine to finish in a drain. */
export function finite(door: Door): Visit[] {
  const bytes = 12_000_000;
  return [
    download(door, { bytes }),
    download(door, { bytes, from: 1_000_003, version: 'HTTP/2' }),
    download(door, { bytes, isChunked: true }),
    upload(door, 'HTTP/2', bytes),
  ];
}
