// What limited servers and accounts have running here arrives, and the same from every other process of this hub; how much of each limit is left for this one leaves.

import type { Rate } from './rate.ts';

/** How the processes of a hub speak to each other. Implemented in hub/db. */
export interface NeighbourPost {
  /** Reaches every process on the database, this one as well. */
  tell(text: string): Promise<void>;
  /** Undefined: words may have been missed. Returns the stop function. */
  listen(onText: (text: string | undefined) => void): Promise<() => Promise<void> | void>;
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
/** Whoever has heard nobody for so long asks who is there: one line in half a minute is all that a hub of one process says. */
const askEveryMs = 30_000;
/** NOTIFY carries 8000 bytes; a subject with its numbers has less than 100. */
const linesPerMessage = 70;
/** No line of a load: a version that does not know it passes over it. */
const question = 'who is there';

const atRest: Load = { running: 0, bytesPerMs: 0, isHeld: false };

/**
 * Whoever has limits to keep asks who is there: when he begins, when he may have missed something, and when he has heard nobody for
 * half a minute. Whoever is asked says at once all that he has. Until a question has stayed without any answer each tells what is
 * new and, at every beat, everything; afterwards he is alone, and says no more than that question until he hears of another.
 */
export class Neighbours {
  readonly #writer: string;
  readonly #post: NeighbourPost;
  readonly #shared: () => Iterable<Shared>;
  readonly #onFailure: (error: unknown) => void;
  readonly #nowMs: () => number;
  /** By subject, then by process. */
  readonly #others = new Map<string, Map<string, Load & { readonly atMs: number }>>();
  /** To all who hear it, be they none. */
  #told = new Map<string, Load>();
  #beatAtMs: number;
  /** When somebody else was heard last, or asked for. */
  #othersAtMs: number;
  /** When this process heard its own question, and nobody since. */
  #unansweredSinceMs: number | undefined;
  #mustAsk = false;
  #mustAnswer = false;
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
    this.#othersAtMs = this.#beatAtMs;
  }

  async start(): Promise<void> {
    this.#stopListening = await this.#post.listen((text) => this.#hear(text));
  }

  /** Nothing of this process counts elsewhere any more. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#stopListening?.();
    const news = Array.from(this.#told.keys(), (key) => [key, atRest] as const);
    if (news.length > 0 && !this.#isAlone()) await this.#tell(news.map(encoded));
    this.#told.clear();
  }

  /** Limits have changed. Without any nothing is looked at and nothing told. */
  follow(): void {
    const isLimited = !this.#shared()[Symbol.iterator]().next().done;
    if (isLimited === (this.#timer !== undefined)) return;
    clearInterval(this.#timer);
    this.#timer = isLimited ? setInterval(() => void this.look(), lookEveryMs).unref() : undefined;
    if (isLimited) this.#doubt();
    void this.look();
  }

  /** In all other processes, by what they said last. */
  runningElsewhere(key: string): number {
    return this.#loadsOf(key).reduce((sum, { running }) => sum + running, 0);
  }

  /** Of how many subjects something is kept that others said. */
  get subjectsElsewhere(): number {
    return this.#others.size;
  }

  /** Tells what is new, if anybody is there, and gives each rate its share. Cannot reject. */
  async look(): Promise<void> {
    if (this.#isTelling) return;
    const nowMs = this.#nowMs();
    const elapsedMs = nowMs - this.#beatAtMs;
    const isBeat = elapsedMs >= beatMs;
    if (isBeat) {
      this.#beatAtMs = nowMs;
      this.#forgetLost();
    }
    const now = this.#share(isBeat ? elapsedMs : undefined);
    const lines = this.#linesOf(now, isBeat);
    if (lines === undefined || (await this.#tell(lines))) this.#told = now;
  }

  /** What runs here. Rates get their shares, and are measured where a time is given. */
  #share(elapsedMs: number | undefined): Map<string, Load> {
    const now = new Map<string, Load>();
    for (const { key, running, rate } of this.#shared()) {
      const former = this.#told.get(key) ?? atRest;
      const moved = elapsedMs === undefined ? former : (rate?.moved(elapsedMs) ?? atRest);
      rate?.allow(shareOf(rate.wholeBytesPerMs, this.#loadsOf(key)));
      const { bytesPerMs, isHeld } = moved;
      if (running > 0 || bytesPerMs > 0) now.set(key, { running, bytesPerMs, isHeld });
    }
    return now;
  }

  /** What is to be said; undefined: nothing. */
  #linesOf(now: ReadonlyMap<string, Load>, isBeat: boolean): string[] | undefined {
    const nowMs = this.#nowMs();
    const isDue = nowMs - this.#othersAtMs >= askEveryMs;
    // A database that is away is not asked ten times in a second.
    const asks = this.#mustAsk ? isBeat || !this.#isFailing : isDue;
    const isAsked = this.#mustAnswer;
    if (asks) [this.#mustAsk, this.#othersAtMs] = [false, nowMs];
    this.#mustAnswer = false;
    const news = this.#isAlone() ? [] : this.#newsOf(now, isBeat || asks || isAsked);
    if (news.length === 0 && !asks && !isAsked) return undefined;
    return [...(asks ? [question] : []), ...news.map(encoded)];
  }

  #newsOf(now: ReadonlyMap<string, Load>, isWhole: boolean): (readonly [string, Load])[] {
    const news = [...now].filter(([key, { running }]) => {
      return isWhole || running !== this.#told.get(key)?.running;
    });
    for (const key of this.#told.keys()) if (!now.has(key)) news.push([key, atRest]);
    return news;
  }

  async #tell(lines: readonly string[]): Promise<boolean> {
    this.#isTelling = true;
    try {
      for (let at = 0; at === 0 || at < lines.length; at += linesPerMessage)
        await this.#post.tell([this.#writer, ...lines.slice(at, at + linesPerMessage)].join('\n'));
      this.#isFailing = false;
      return true;
    } catch (error) {
      // Once: what has to be said about the database is said elsewhere each time.
      if (!this.#isFailing) this.#onFailure(error);
      this.#isFailing = true;
      this.#doubt();
      return false;
    } finally {
      this.#isTelling = false;
    }
  }

  #hear(text: string | undefined): void {
    if (text === undefined) return this.#doubt();
    const { writer, isQuestion, loads } = decoded(text);
    const atMs = this.#nowMs();
    if (writer === this.#writer) {
      if (isQuestion) this.#unansweredSinceMs ??= atMs;
      return;
    }
    for (const [key, load] of loads) this.#note(writer, key, { ...load, atMs });
    // Whoever was alone has told nobody what runs here.
    const isToAnswer = isQuestion || this.#isAlone();
    this.#unansweredSinceMs = undefined;
    this.#othersAtMs = atMs;
    if (!isToAnswer || this.#timer === undefined) return;
    this.#mustAnswer = true;
    void this.look();
  }

  #note(writer: string, key: string, load: Load & { readonly atMs: number }): void {
    const ofKey = this.#others.get(key) ?? new Map<string, Load & { atMs: number }>();
    if (load.running === 0 && load.bytesPerMs === 0) ofKey.delete(writer);
    else ofKey.set(writer, load);
    if (ofKey.size > 0) this.#others.set(key, ofKey);
    else this.#others.delete(key);
  }

  /** Somebody may be there of whom nothing was heard. */
  #doubt(): void {
    this.#unansweredSinceMs = undefined;
    this.#mustAsk = true;
  }

  /** An answer takes milliseconds; a process that was slower than this would be lost to the others as well. */
  #isAlone(): boolean {
    const sinceMs = this.#unansweredSinceMs;
    return sinceMs !== undefined && this.#nowMs() - sinceMs >= lostAfterMs;
  }

  /** Of those that still live. */
  #loadsOf(key: string): readonly Load[] {
    const lostBeforeMs = this.#nowMs() - lostAfterMs;
    const ofKey = this.#others.get(key)?.values() ?? [];
    return [...ofKey].filter(({ atMs }) => atMs >= lostBeforeMs);
  }

  #forgetLost(): void {
    const lostBeforeMs = this.#nowMs() - lostAfterMs;
    for (const [key, ofKey] of this.#others) {
      for (const [writer, { atMs }] of ofKey) if (atMs < lostBeforeMs) ofKey.delete(writer);
      if (ofKey.size === 0) this.#others.delete(key);
    }
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
function decoded(text: string): {
  writer: string;
  isQuestion: boolean;
  loads: (readonly [string, Load])[];
} {
  const [writer = '', ...lines] = text.split('\n');
  const loads = lines.flatMap((line) => {
    const [, running, bytesPerMs, state, key] = /^(\d+) (\d+) (held|free) (.+)$/.exec(line) ?? [];
    if (key === undefined) return [];
    const load = { running: Number(running), bytesPerMs: Number(bytesPerMs) };
    return [[key, { ...load, isHeld: state === 'held' }] as const];
  });
  return { writer, isQuestion: lines.includes(question), loads };
}
