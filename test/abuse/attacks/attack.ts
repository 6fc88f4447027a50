// What an attack gets and what it tells, and the loop that most of them are: connections that say one thing until they are cut.

import type { Buffer } from 'node:buffer';

import { RawConnection, type Wish } from './raw-connection.ts';
import type { Target } from './target.ts';

/** How its connections ended, and how often: `goaway 11`, `alert 112`, `reset`, `closed`, `left by us` ... */
export type Ends = Readonly<Record<string, number>>;
export type Attack = (target: Target) => Promise<Ends>;

export class EndsTally {
  readonly ends: Record<string, number> = {};

  add(how: string): void {
    this.ends[how] = (this.ends[how] ?? 0) + 1;
  }
}

export interface Flood extends Wish {
  /** At once. One that was cut is replaced while the time lasts. */
  readonly connections: number;
  /** What is said first, behind the preface. */
  readonly opening?: Buffer;
  /** What is said again and again; `round` counts from 0 on each connection. */
  readonly burst?: (round: number) => Buffer;
  /** Between two bursts. Without: as fast as the hub reads. */
  readonly everyMs?: number;
}

/** Reconnecting faster than this would measure handshakes. */
const reconnectMs = 50;

export async function flood(target: Target, wish: Flood): Promise<Ends> {
  const tally = new EndsTally();
  const deadline = performance.now() + target.seconds * 1000;
  const isTime = (): boolean => performance.now() < deadline;
  const attacker = async (): Promise<void> => {
    while (isTime()) {
      tally.add(await harass(target, wish, isTime));
      await pause(reconnectMs);
    }
  };
  await Promise.all(Array.from({ length: wish.connections }, attacker));
  return tally.ends;
}

async function harass(target: Target, wish: Flood, isTime: () => boolean): Promise<string> {
  const connection = await RawConnection.open(target, wish);
  if (connection.ending !== undefined) return connection.ending;
  if (wish.opening !== undefined) await connection.write(wish.opening);
  for (let round = 0; isTime() && connection.ending === undefined; round += 1) {
    if (wish.burst === undefined) await connection.over(target.seconds * 1000);
    else await connection.write(wish.burst(round));
    if (wish.everyMs !== undefined) await connection.over(wish.everyMs);
  }
  return connection.leave();
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
