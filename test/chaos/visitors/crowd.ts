// A door arrives; visitors of every kind leave, all of them in the middle of something that would never end by itself.

import { chat, download, listen, upload } from './errands.ts';
import type { Door, Outcome, Visit } from './visit.ts';

/** Enough for each to be past its first windows and buffers, with bytes at every hop when the fault strikes. */
const warmBytes = 2_000_000;
const talkBytes = 100;

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
    await Promise.all(
      this.visits.map((visit) =>
        visit.moves(/^(events|WebSocket)/.test(visit.name) ? talkBytes : warmBytes),
      ),
    );
  }

  /** Of all, once the last has ended; without a sleeper. */
  async outcomes(): Promise<Outcome[]> {
    const outcomes = await Promise.all(this.visits.map(outcomeOf));
    return outcomes.filter((outcome) => outcome !== undefined);
  }

  leave(): void {
    for (const visit of this.visits) visit.leave();
  }
}

/** Everybody else has noticed a cut within a second or two. */
const sleepMs = 15_000;

/**
 * Node's own HTTP/2 client may sleep through a reset while it waits to write (nodejs/node#42710): such a visitor of ours
 * says nothing about the hub, dead or alive.
 */
async function outcomeOf(visit: Visit): Promise<Outcome | undefined> {
  if (!visit.name.endsWith('HTTP/2')) return visit.outcome;
  let timer: NodeJS.Timeout | undefined;
  const asleep = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), sleepMs);
  });
  const outcome = await Promise.race([visit.outcome, asleep]);
  clearTimeout(timer);
  return outcome;
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
