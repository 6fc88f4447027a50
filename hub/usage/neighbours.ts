// What limited servers and accounts have running here arrives, and the same from every other process of this hub; how much of each limit is left for this one leaves.

import type { Rate } from './rate.ts';

/** How the processes of a hub speak to each other. Implemented in hub/db. */
export interface NeighbourPost {
  /** Reaches every process on the database, this one as well. */
  tell(text: string): Promise<void>;
  /** Returns the stop function. */
  listen(onText: (text: string) => void): Promise<() => Promise<void> | void>;
}

/** A server or an account with a limit that holds at every moment. */
export interface Shared {
  readonly key: string;
  readonly running: number;
  readonly rate: Rate | undefined;
}

interface Load {
  readonly running: number;
  readonly bytesPerMs: number;
  /** It would move more if it might. */
  readonly isHeld: boolean;
}

/** So long a stream that began may be unknown elsewhere, beside the way of the message. */
const lookEveryMs = 100;
/** What changes slower, rates, is told once in so long; so is what has not changed, as a sign of life. */
const beatMs = 1000;
/** Three beats may be missed: a process that was killed keeps nobody out for longer. */
const lostAfterMs = 3500;
/** NOTIFY carries 8000 bytes; a subject with its numbers has less than 100. */
const subjectsPerMessage = 70;

const atRest: Load = { running: 0, bytesPerMs: 0, isHeld: false };

export class Neighbours {
  readonly #writer: string;
  readonly #post: NeighbourPost;
  readonly #shared: () => Iterable<Shared>;
  readonly #onFailure: (error: unknown) => void;
  readonly #nowMs: () => number;
  /** By subject, then by process. */
  readonly #others = new Map<string, Map<string, Load & { readonly atMs: number }>>();
  #told = new Map<string, Load>();
  #beatAtMs: number;
  #isTelling = false;
  #isFailing = false;
  #timer: NodeJS.Timeout | undefined;
  #stopListening: (() => Promise<void> | void) | undefined;

  constructor(options: {
    writer: string;
    post: NeighbourPost;
    /** Those that are limited now. */
    shared: () => Iterable<Shared>;
    onFailure: (error: unknown) => void;
    nowMs?: () => number;
  }) {
    this.#writer = options.writer;
    this.#post = options.post;
    this.#shared = options.shared;
    this.#onFailure = options.onFailure;
    this.#nowMs = options.nowMs ?? (() => performance.now());
    this.#beatAtMs = this.#nowMs();
  }

  async start(): Promise<void> {
    this.#stopListening = await this.#post.listen((text) => this.#hear(text));
  }

  /** Nothing of this process counts elsewhere any more. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#stopListening?.();
    await this.#tell(Array.from(this.#told.keys(), (key) => [key, atRest]));
    this.#told.clear();
  }

  /** Limits have changed. Without any nothing is looked at and nothing told. */
  follow(): void {
    const isLimited = !this.#shared()[Symbol.iterator]().next().done;
    if (isLimited === (this.#timer !== undefined)) return;
    clearInterval(this.#timer);
    this.#timer = isLimited ? setInterval(() => void this.look(), lookEveryMs).unref() : undefined;
    if (!isLimited) void this.look();
  }

  /** In all other processes, by what they said last. */
  runningElsewhere(key: string): number {
    return this.#loadsOf(key).reduce((sum, { running }) => sum + running, 0);
  }

  /** Tells what is new, and gives each rate its share. Cannot reject. */
  async look(): Promise<void> {
    if (this.#isTelling) return;
    const nowMs = this.#nowMs();
    const elapsedMs = nowMs - this.#beatAtMs;
    const isBeat = elapsedMs >= beatMs;
    if (isBeat) this.#beatAtMs = nowMs;
    const now = new Map<string, Load>();
    for (const { key, running, rate } of this.#shared()) {
      const former = this.#told.get(key) ?? atRest;
      const moved = isBeat ? (rate?.moved(elapsedMs) ?? atRest) : former;
      rate?.allow(shareOf(rate.wholeBytesPerMs, this.#loadsOf(key)));
      const { bytesPerMs, isHeld } = moved;
      if (running > 0 || bytesPerMs > 0) now.set(key, { running, bytesPerMs, isHeld });
    }
    const news = [...now].filter(([key, { running }]) => {
      return isBeat || running !== this.#told.get(key)?.running;
    });
    for (const key of this.#told.keys()) if (!now.has(key)) news.push([key, atRest]);
    if (await this.#tell(news)) this.#told = now;
  }

  async #tell(news: readonly (readonly [string, Load])[]): Promise<boolean> {
    if (news.length === 0) return true;
    this.#isTelling = true;
    try {
      for (let at = 0; at < news.length; at += subjectsPerMessage) {
        const loads = news.slice(at, at + subjectsPerMessage).map(encoded);
        await this.#post.tell([this.#writer, ...loads].join('\n'));
      }
      this.#isFailing = false;
      return true;
    } catch (error) {
      // Once: what has to be said about the database is said elsewhere each time.
      if (!this.#isFailing) this.#onFailure(error);
      this.#isFailing = true;
      return false;
    } finally {
      this.#isTelling = false;
    }
  }

  #hear(text: string): void {
    const { writer, loads } = decoded(text);
    if (writer === this.#writer) return;
    const atMs = this.#nowMs();
    for (const [key, load] of loads) {
      const ofKey = this.#others.get(key) ?? new Map<string, Load & { atMs: number }>();
      if (load.running === 0 && load.bytesPerMs === 0) ofKey.delete(writer);
      else ofKey.set(writer, { ...load, atMs });
      if (ofKey.size > 0) this.#others.set(key, ofKey);
      else this.#others.delete(key);
    }
  }

  /** Of those that still live. */
  #loadsOf(key: string): readonly Load[] {
    const ofKey = this.#others.get(key);
    if (ofKey === undefined) return [];
    const lostBeforeMs = this.#nowMs() - lostAfterMs;
    for (const [writer, { atMs }] of ofKey) if (atMs < lostBeforeMs) ofKey.delete(writer);
    if (ofKey.size === 0) this.#others.delete(key);
    return [...ofKey.values()];
  }
}

/** Whoever needs less than an equal share leaves the rest to those who are held back. All processes reckon alike, so that their shares add up. */
export function shareOf(wholeBytesPerMs: number, others: readonly Load[]): number {
  const moving = others.filter(({ bytesPerMs, isHeld }) => bytesPerMs > 0 || isHeld);
  const held = moving.filter(({ isHeld }) => isHeld).length;
  const used = moving.reduce((sum, { bytesPerMs, isHeld }) => sum + (isHeld ? 0 : bytesPerMs), 0);
  return Math.max(wholeBytesPerMs / (moving.length + 1), (wholeBytesPerMs - used) / (held + 1));
}

/** Behind the writer's line: `3 1250 held server 0193c0de-…`. */
function encoded([key, { running, bytesPerMs, isHeld }]: readonly [string, Load]): string {
  return `${running} ${Math.ceil(bytesPerMs)} ${isHeld ? 'held' : 'free'} ${key}`;
}

/** Lines of another form come from another version of the hub, and say nothing here. */
function decoded(text: string): { writer: string; loads: (readonly [string, Load])[] } {
  const [writer = '', ...lines] = text.split('\n');
  const loads = lines.flatMap((line) => {
    const [, running, bytesPerMs, state, key] = /^(\d+) (\d+) (held|free) (.+)$/.exec(line) ?? [];
    if (key === undefined) return [];
    const load = { running: Number(running), bytesPerMs: Number(bytesPerMs) };
    return [[key, { ...load, isHeld: state === 'held' }] as const];
  });
  return { writer, loads };
}
