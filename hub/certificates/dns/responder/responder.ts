// Settings and a store of TXT records arrive; a zone of the DNS that is answered, by a thread that is born again whenever it dies, leaves.

import type { PortSharing } from '../../../../shared/listen-address.ts';
import { Backoff } from '../../../../shared/backoff.ts';
import type { Logger } from '../../../../shared/log.ts';
import type { TxtRecord } from '../provider.ts';
import type { TxtRecordStore } from '../txt-records.ts';
import { defaultResponderLimits, type ResponderLimits } from './limits.ts';
import { ResponderListenError, ResponderThread } from './responder-thread.ts';
import { zonesOf, type ResponderSettings } from './settings.ts';
import type { Birth, BoundAddress, Contents, ResponderCounts } from './thread-words.ts';

export interface ResponderOptions {
  readonly settings: ResponderSettings;
  readonly store: TxtRecordStore;
  readonly log: Logger;
  /** Whether another process of this hub may answer at the same port, as during a take-over. */
  readonly sharing?: PortSharing;
  readonly limits?: ResponderLimits;
  readonly times?: ResponderTimes;
  readonly threadScript?: URL;
}

export interface ResponderTimes {
  /** Between looks at the store, for a change whose notification was lost, and for records that expire. */
  readonly pollMs: number;
  readonly pingMs: number;
}

const usualTimes: ResponderTimes = { pollMs: 60_000, pingMs: 5000 };
/** The first rebirth at once or nearly: resolvers ask again after one or two seconds. */
const rebirth = { firstMs: 100, maxMs: 30_000 };

const nothingYet: ResponderCounts = { asked: 0, answered: 0, limited: 0 };

export class Responder {
  readonly settings: ResponderSettings;
  readonly #options: ResponderOptions;
  readonly #times: ResponderTimes;
  readonly #backoff = new Backoff(rebirth);
  readonly #stopping = new AbortController();
  #contents: Contents = { records: [], serial: 0 };
  #addresses: readonly BoundAddress[] = [];
  #thread: ResponderThread | undefined;
  #earlierCounts = nothingYet;
  #looking: Promise<void> | undefined;
  #lookAgain: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #life: Promise<void> | undefined;
  #stopWatching: () => Promise<void> = async () => undefined;

  /** Resolves once it answers. @throws ResponderListenError, or what the store throws */
  static async start(options: ResponderOptions): Promise<Responder> {
    const responder = new Responder(options);
    try {
      await responder.#begin();
    } catch (error) {
      await responder.stop();
      throw error;
    }
    return responder;
  }

  private constructor(options: ResponderOptions) {
    this.#options = options;
    this.settings = options.settings;
    this.#times = options.times ?? usualTimes;
  }

  /** Where it listens, in the order of the settings; ports given as 0 are known here. */
  get addresses(): readonly BoundAddress[] {
    return this.#addresses;
  }

  /** Since the start, a few seconds old; what a thread counted in the moments before its death is lost. */
  get counts(): ResponderCounts {
    const { asked, answered, limited } = this.#thread?.counts ?? nothingYet;
    const earlier = this.#earlierCounts;
    return {
      asked: earlier.asked + asked,
      answered: earlier.answered + answered,
      limited: earlier.limited + limited,
    };
  }

  /** Resolves when this process answers with what the store has now. @throws what the store throws */
  async refresh(): Promise<void> {
    // A look that began before the change may not have seen it; one more that begins after it has.
    this.#lookAgain ??= (this.#looking ?? Promise.resolve())
      .catch(() => undefined)
      .then(() => {
        this.#lookAgain = undefined;
        this.#looking = this.#look();
        return this.#looking;
      });
    await this.#lookAgain;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    clearInterval(this.#timer);
    await this.#stopWatching();
    await this.#thread?.stop();
    await this.#life;
  }

  async #begin(): Promise<void> {
    const { store, log, settings } = this.#options;
    this.#stopWatching = await store.watch(() => this.#refreshLater());
    await this.refresh();
    const thread = await this.#startThread();
    this.#life = this.#live(thread);
    this.#timer = setInterval(() => this.#refreshLater(), this.#times.pollMs);
    log.info({ addresses: this.#addresses, zones: settings.zones }, 'dns responder ready');
  }

  #refreshLater(): void {
    this.refresh().catch((error: unknown) => {
      // What is known is answered on: the store comes back, or the hub has greater worries.
      if (!this.#isStopping)
        this.#options.log.warn({ err: error }, 'dns records could not be read');
    });
  }

  async #look(): Promise<void> {
    const records = [...this.settings.texts, ...(await this.#options.store.list())];
    if (isSame(records, this.#contents.records) && this.#contents.serial !== 0) return;
    // RFC 1912 §2.2 wants it to grow. Nobody transfers the zone, so each process may count for itself.
    const serial = Math.max(Math.floor(Date.now() / 1000), this.#contents.serial + 1) >>> 0;
    this.#contents = { records: records.map(({ name, value }) => ({ name, value })), serial };
    await this.#thread?.publish(this.#contents);
  }

  async #startThread(): Promise<ResponderThread> {
    const { log } = this.#options;
    const contents = this.#contents;
    const onFailure = (stack: string): void =>
      log.error({ stack }, 'dns responder could not answer a packet');
    const thread = await ResponderThread.start({
      birth: this.#birth(contents),
      pingMs: this.#times.pingMs,
      onFailure,
      script: this.#options.threadScript,
    });
    this.#thread = thread;
    this.#addresses = thread.addresses;
    this.#backoff.connected();
    // What changed while it was being born.
    if (contents !== this.#contents) await thread.publish(this.#contents);
    return thread;
  }

  #birth(contents: Contents): Birth {
    const { settings, sharing = 'alone', limits = defaultResponderLimits } = this.#options;
    const isFirst = this.#addresses.length === 0;
    // A port that the system chose stays the same: others were told.
    const listen = settings.listen.map(({ host, port }, at) => ({
      host,
      port: this.#addresses[at]?.port ?? port,
    }));
    // Later ones are born while their forerunner's ports may be shared with another process already.
    const later: PortSharing = sharing === 'alone' ? 'alone' : 'joining';
    return {
      zones: zonesOf(settings),
      listen,
      sharing: isFirst ? sharing : later,
      limits,
      contents,
    };
  }

  async #live(first: ResponderThread): Promise<void> {
    const { log } = this.#options;
    let thread: ResponderThread | undefined = first;
    while (!this.#isStopping) {
      const cause = await thread?.ended;
      if (this.#isStopping) return;
      if (thread !== undefined)
        log.error({ err: cause }, 'dns responder died; it is started again');
      this.#earlierCounts = this.counts;
      this.#thread = undefined;
      thread = undefined;
      if (!(await pause(this.#backoff.next(), this.#stopping.signal))) return;
      thread = await this.#startAgain();
    }
    await thread?.stop();
  }

  async #startAgain(): Promise<ResponderThread | undefined> {
    const { log } = this.#options;
    try {
      const thread = await this.#startThread();
      log.info({ addresses: this.#addresses }, 'dns responder answers again');
      return thread;
    } catch (error) {
      const place = error instanceof ResponderListenError ? error.refusal.place : undefined;
      log.error({ err: error, place }, 'dns responder could not be started; tried again');
      return undefined;
    }
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }
}

function isSame(some: readonly TxtRecord[], others: readonly TxtRecord[]): boolean {
  return textOf(some) === textOf(others);
}

function textOf(records: readonly TxtRecord[]): string {
  return records
    .map(({ name, value }) => JSON.stringify([name, value]))
    .sort()
    .join();
}

/** False: aborted. */
async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(true), ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve(false);
    });
  });
}
