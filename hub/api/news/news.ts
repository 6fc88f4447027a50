// What just happened arrives from any room; whoever has a channel open to his browser is told, if it is his to know.

/**
 * servers: one came, went or changed. streams: what runs through one and how well, each two seconds, to its owner who names
 * it. usage: its traffic, as it flows.
 * account: the caller's own logins, factors and tokens. admin: what admins watch.
 */
export const topics = ['servers', 'streams', 'usage', 'account', 'admin'] as const;

export type Topic = (typeof topics)[number];

export interface NewsItem {
  readonly topic: Topic;
  /** Whose it is to know: those who see the server, the account itself, or admins. */
  readonly about:
    | { readonly serverId: string; readonly isForOwners?: true }
    | { readonly accountId: string }
    | 'admins';
  /** JSON, snake_case. Never a secret: it is not held against a schema. */
  readonly body: object;
}

export type NewsListener = (item: NewsItem) => void;

/** Of this process. Nothing is kept: whoever was not listening asks how things stand. */
export class News {
  readonly #listeners = new Map<NewsListener, Heard>();

  /** Somebody listens, or does no more: what is heard may be another set now. */
  onInterest: () => void = () => undefined;

  /** Never throws, never waits. */
  tell(item: NewsItem): void {
    for (const [listener, { topics: wanted }] of this.#listeners)
      if (wanted.has(item.topic)) listener(item);
  }

  /** The servers of which somebody wants to hear this. What is costly to find out need not be found out for nobody. */
  heardServers(topic: Topic): ReadonlySet<string> {
    const heard = [...this.#listeners.values()].filter(({ topics: wanted }) => wanted.has(topic));
    return new Set(heard.flatMap(({ serverId }) => serverId ?? []));
  }

  /** `serverId`: of this one alone. Returns the way to be told no more. */
  listen(wanted: ReadonlySet<Topic>, listener: NewsListener, serverId?: string): () => void {
    this.#listeners.set(listener, { topics: wanted, serverId });
    this.onInterest();
    return () => {
      this.#listeners.delete(listener);
      this.onInterest();
    };
  }
}

interface Heard {
  readonly topics: ReadonlySet<Topic>;
  readonly serverId: string | undefined;
}
