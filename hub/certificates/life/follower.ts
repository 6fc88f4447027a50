// A store that other processes change as well arrives; each change of a row leaves, once, in order, and none is missed for long.

import type { CertificateStore, ManagedCertificate } from './certificate.ts';
import type { SetTimer } from './timer.ts';

export interface FollowerOptions {
  readonly store: CertificateStore;
  readonly onRow: (row: ManagedCertificate) => void;
  readonly onGone: (id: string) => void;
  /** The store could not be read; it is tried again. */
  readonly onFailure: (error: unknown) => void;
  /** After each look that nothing told of, for what is to be checked now and then. */
  readonly onPoll?: () => void;
  readonly setTimer: SetTimer;
  readonly pollMs: number;
}

/** What a lost notice may have kept back is found within a minute. */
export const defaultPollMs = 60_000;

export class StoreFollower {
  readonly #options: FollowerOptions;
  /** What was seen of each row. A row that a notice told of has an unknown version until the next look. */
  readonly #versions = new Map<string, string>();
  readonly #changed = new Set<string>();
  #mayHaveMissed = false;
  #isReading = false;
  #isStopped = false;
  #cancelTimer: () => void = () => undefined;
  #unwatch: () => Promise<void> = async () => undefined;

  /** Resolves when every row has been told. */
  static async open(options: FollowerOptions): Promise<StoreFollower> {
    const follower = new StoreFollower(options);
    // Before the first look: what changes in between is read twice, and not missed.
    follower.#unwatch = await options.store.watch((id) => follower.#note(id));
    try {
      await follower.#readAll(await options.store.versions());
    } catch (error) {
      await follower.stop();
      throw error;
    }
    follower.#poll();
    return follower;
  }

  private constructor(options: FollowerOptions) {
    this.#options = options;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelTimer();
    await this.#unwatch();
  }

  #note(id: string | undefined): void {
    if (id === undefined) this.#mayHaveMissed = true;
    else this.#changed.add(id);
    this.#read();
  }

  #poll(): void {
    this.#cancelTimer();
    if (this.#isStopped) return;
    this.#cancelTimer = this.#options.setTimer(() => {
      this.#mayHaveMissed = true;
      this.#read();
      this.#options.onPoll?.();
      this.#poll();
    }, this.#options.pollMs);
  }

  /** One reader at a time: an older state of a row must not be told after a newer one. */
  #read(): void {
    if (this.#isStopped || this.#isReading) return;
    this.#isReading = true;
    void this.#readChanges();
  }

  async #readChanges(): Promise<void> {
    try {
      while (!this.#isStopped) {
        if (this.#mayHaveMissed) await this.#compare();
        const [id] = this.#changed;
        if (id === undefined) return;
        this.#changed.delete(id);
        await this.#readOne(id);
      }
    } catch (error) {
      // The next notice or the next look finds it.
      this.#mayHaveMissed = true;
      if (!this.#isStopped) this.#options.onFailure(error);
    } finally {
      this.#isReading = false;
    }
  }

  async #readOne(id: string): Promise<void> {
    this.#versions.set(id, unknown);
    const row = await this.#options.store.find(id);
    if (row === undefined) this.#tellGone(id);
    else this.#tell(row);
  }

  async #compare(): Promise<void> {
    this.#mayHaveMissed = false;
    const versions = await this.#options.store.versions();
    for (const id of this.#versions.keys()) {
      if (!versions.has(id)) this.#tellGone(id);
    }
    const changed = [...versions].filter(([id, version]) => this.#versions.get(id) !== version);
    if (changed.length > manyRows) return this.#readAll(versions);
    for (const [id, version] of changed) {
      await this.#readOne(id);
      if (this.#versions.has(id)) this.#versions.set(id, version);
    }
  }

  async #readAll(versions: ReadonlyMap<string, string>): Promise<void> {
    for (const row of await this.#options.store.list()) {
      this.#versions.set(row.id, versions.get(row.id) ?? unknown);
      this.#tell(row);
    }
  }

  #tell(row: ManagedCertificate): void {
    if (!this.#isStopped) this.#options.onRow(row);
  }

  #tellGone(id: string): void {
    this.#versions.delete(id);
    if (!this.#isStopped) this.#options.onGone(id);
  }
}

const unknown = '';

/** From here on one answer with all of them costs less than so many with one. */
const manyRows = 100;
