// Links come and go; which servers are connected is told to a store, where other processes such as a command can read it.

/** Where hubs tell who is connected. The store in hub/db implements it. */
export interface PresenceStore {
  /** Begins a run of a hub. The store knows it to be over once this process is, however that ended. */
  begin(): Promise<HubRun>;
  /** By server id. One that is missing is not connected, and its hub had the time to say so. */
  list(): Promise<ReadonlyMap<string, Presence>>;
}

export interface HubRun {
  /** All servers that are connected now, and since when. Told again and again, it is the run's sign of life. */
  tell(connected: ReadonlyMap<string, Date>): Promise<void>;
  end(): Promise<void>;
}

export type Presence =
  | { readonly state: 'connected'; readonly since: Date }
  /** It was, until its hub ended without a word or stopped giving signs of life. */
  | { readonly state: 'lost'; readonly lastSeenAt: Date };

/** Who learns of links; of `Link` nothing but its identity matters here. */
interface LinkRegistry<Link> {
  attach(serverId: string, link: Link): void;
  detach(serverId: string, link: Link): void;
}

/** Who is told what happens here; a server is connected from its first link to the end of its last. */
export interface PresenceWatcher {
  readonly onConnected?: (serverId: string) => void;
  readonly onDisconnected?: (serverId: string) => void;
  /** The store says by now who came and who went: whoever looks there finds it. */
  readonly onTold?: (serverIds: Iterable<string>) => void;
  /** With each sign of life. */
  readonly onBeat?: (serverIds: Iterable<string>) => void;
}

/** Three of these may be missed before a run counts as lost (lostAfterMs). */
const beatMs = 5000;
/** Longer than a restart of the database, during which nobody can tell anything. */
export const lostAfterMs = 20_000;

/** Tells the store of every change at once, and of itself every few seconds. What could not be told is told with the next. */
export class PresenceReporter {
  readonly #store: PresenceStore;
  readonly #onFailure: (error: unknown) => void;
  readonly #beatMs: number;
  readonly #watcher: PresenceWatcher;
  readonly #links = new Map<string, Set<object>>();
  readonly #since = new Map<string, Date>();
  /** Those who came or went since the store was told. */
  #changed = new Set<string>();
  #hasNews = false;
  #isStopping = false;
  #wake: () => void = () => undefined;
  #reporting: Promise<void> | undefined;

  constructor(options: {
    store: PresenceStore;
    onFailure: (error: unknown) => void;
    beatMs?: number;
    watcher?: PresenceWatcher;
  }) {
    this.#store = options.store;
    this.#onFailure = options.onFailure;
    this.#beatMs = options.beatMs ?? beatMs;
    this.#watcher = options.watcher ?? {};
  }

  async start(): Promise<void> {
    const run = await this.#store.begin();
    this.#reporting = this.#report(run);
  }

  /** Afterwards this hub has no more servers in the store. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#wake();
    await this.#reporting;
  }

  /** The registry as the gateway is given it: what passes is noted. */
  noting<Link extends object>(registry: LinkRegistry<Link>): LinkRegistry<Link> {
    return {
      attach: (serverId, link) => {
        this.#attach(serverId, link);
        registry.attach(serverId, link);
      },
      detach: (serverId, link) => {
        this.#detach(serverId, link);
        registry.detach(serverId, link);
      },
    };
  }

  #attach(serverId: string, link: object): void {
    const links = this.#links.get(serverId);
    if (links !== undefined) {
      links.add(link);
      return;
    }
    this.#links.set(serverId, new Set([link]));
    this.#since.set(serverId, new Date());
    this.#watcher.onConnected?.(serverId);
    this.#tellSoon(serverId);
  }

  /** A link is detached twice when it drains before it closes. */
  #detach(serverId: string, link: object): void {
    const links = this.#links.get(serverId);
    if (links?.delete(link) !== true || links.size > 0) return;
    this.#links.delete(serverId);
    this.#since.delete(serverId);
    this.#watcher.onDisconnected?.(serverId);
    this.#tellSoon(serverId);
  }

  #tellSoon(serverId: string): void {
    this.#changed.add(serverId);
    this.#hasNews = true;
    this.#wake();
  }

  /** One telling at a time: what changes meanwhile, a thousand agents after a restart, goes together into the next. */
  async #report(run: HubRun): Promise<void> {
    for (;;) {
      await this.#newsOrBeat();
      if (this.#isStopping) break;
      this.#hasNews = false;
      const changed = this.#changed;
      this.#changed = new Set();
      try {
        await run.tell(this.#since);
        if (changed.size > 0) this.#watcher.onTold?.(changed);
        this.#watcher.onBeat?.(this.#since.keys());
      } catch (error) {
        for (const serverId of changed) this.#changed.add(serverId);
        this.#onFailure(error);
      }
    }
    await run.end();
  }

  async #newsOrBeat(): Promise<void> {
    if (this.#hasNews || this.#isStopping) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.#beatMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
