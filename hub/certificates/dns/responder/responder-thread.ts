// What a thread is born with arrives; a thread that answers leaves, and word of its end, whatever ends it.

import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';

import type {
  Birth,
  BoundAddress,
  Contents,
  FromThread,
  ListenRefusal,
  ResponderCounts,
  ToThread,
} from './thread-words.ts';

export interface ThreadOptions {
  readonly birth: Birth;
  readonly pingMs: number;
  /** Another thread than the usual one, for tests of its death. */
  readonly script?: URL | undefined;
  /** Of a bug in it that cost one answer; with its stack. */
  readonly onFailure: (stack: string) => void;
}

/** An address that it cannot listen on. `refusal.code` is the system's: EADDRINUSE, EACCES, ... */
export class ResponderListenError extends Error {
  readonly refusal: ListenRefusal;

  constructor(refusal: ListenRefusal) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

/** The same file, as TypeScript in a checkout and as JavaScript where it was built. */
const usualScript = new URL(`./worker${extname(import.meta.url)}`, import.meta.url);
/** The worst attack was seen to need 27 MB; what one could take beyond three times that ends the thread and not the hub. */
const resourceLimits = { maxOldGenerationSizeMb: 96, maxYoungGenerationSizeMb: 16 };
/** Reading the sources takes a second on a busy machine. */
const birthMs = 30_000;
const stopMs = 2000;
/** Half a minute without a sign is no busy machine any more. */
const maxUnansweredPings = 6;

export class ResponderThread {
  addresses: readonly BoundAddress[] = [];
  /** Why it is gone; undefined: it was told to stop. Never rejects. */
  readonly ended: Promise<Error | undefined>;
  readonly #worker: Worker;
  readonly #options: ThreadOptions;
  readonly #publications = new Map<number, () => void>();
  readonly #born = Promise.withResolvers<void>();
  #published = 0;
  #counts: ResponderCounts = { asked: 0, answered: 0, limited: 0 };
  #pings: NodeJS.Timeout | undefined;
  #unansweredPings = 0;
  #cause: Error | undefined;
  #isStopping = false;

  /** Resolves once it answers. @throws ResponderListenError, or whatever else kept it from it */
  static async start(options: ThreadOptions): Promise<ResponderThread> {
    const thread = new ResponderThread(options);
    const timer = setTimeout(() => thread.#kill('it did not start in time'), birthMs);
    try {
      await thread.#born.promise;
    } catch (error) {
      await thread.stop();
      throw error;
    } finally {
      clearTimeout(timer);
    }
    return thread;
  }

  private constructor(options: ThreadOptions) {
    this.#options = options;
    // Neither the hub's environment, which has its secrets, nor what the hub itself was started with.
    this.#worker = new Worker(options.script ?? usualScript, {
      workerData: options.birth,
      env: {},
      execArgv: [],
      resourceLimits,
      name: 'dns-responder',
    });
    this.#worker.on('message', (words: FromThread) => this.#hear(words));
    this.#worker.on('error', (error) => (this.#cause = error as Error));
    this.ended = new Promise((resolve) => {
      this.#worker.once('exit', (code) => {
        clearInterval(this.#pings);
        const cause = this.#cause ?? new Error(`the thread ended by itself, code ${code}`);
        this.#born.reject(cause);
        for (const settle of this.#publications.values()) settle();
        resolve(this.#isStopping ? undefined : cause);
      });
    });
    // Who waits for the birth hears of it; afterwards there is `ended`.
    this.#born.promise.catch(() => undefined);
  }

  get counts(): ResponderCounts {
    return this.#counts;
  }

  /** Resolves when it answers with these, or is gone. */
  async publish(contents: Contents): Promise<void> {
    const number = (this.#published += 1);
    const published = new Promise<void>((resolve) => this.#publications.set(number, resolve));
    this.#tell({ kind: 'publish', contents, number });
    await Promise.race([published, this.ended]);
    this.#publications.delete(number);
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#tell({ kind: 'stop' });
    const timer = setTimeout(() => void this.#worker.terminate(), stopMs);
    await this.ended;
    clearTimeout(timer);
  }

  #hear(words: FromThread): void {
    this.#unansweredPings = 0;
    switch (words.kind) {
      case 'listening':
        this.addresses = words.addresses;
        this.#pings = setInterval(() => this.#ping(), this.#options.pingMs);
        this.#born.resolve();
        break;
      case 'refused':
        this.#cause = new ResponderListenError(words.refusal);
        this.#born.reject(this.#cause);
        break;
      case 'published':
        this.#publications.get(words.number)?.();
        break;
      case 'pong':
        this.#counts = words.counts;
        break;
      case 'failure':
        this.#options.onFailure(words.stack);
        break;
    }
  }

  /** Pings are counted, not seconds: while the hub itself is held up it asks nothing. */
  #ping(): void {
    if (this.#unansweredPings >= maxUnansweredPings) this.#kill('it was stuck');
    this.#unansweredPings += 1;
    this.#tell({ kind: 'ping' });
  }

  #kill(why: string): void {
    this.#cause ??= new Error(why);
    void this.#worker.terminate();
  }

  #tell(words: ToThread): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    this.#worker.postMessage(words);
  }
}
