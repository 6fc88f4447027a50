// What just happened arrives from any room; whoever has a channel open to his browser is told, if it is his to know.

/**
 * servers: one came, went or changed. streams: what is played on one, and how well. usage: its traffic, as it flows.
 * account: the caller's own logins, factors and tokens. admin: what admins watch.
 */
export const topics = ['servers', 'streams', 'usage', 'account', 'admin'] as const;

export type Topic = (typeof topics)[number];

export interface NewsItem {
  readonly topic: Topic;
  /** Whose it is to know: those who see the server, the account itself, or admins. */
  readonly about: { readonly serverId: string } | { readonly accountId: string } | 'admins';
  /** JSON, snake_case. Never a secret: it is not held against a schema. */
  readonly body: object;
}

export type NewsListener = (item: NewsItem) => void;

/** Of this process. Nothing is kept: whoever was not listening asks how things stand. */
export class News {
  readonly #listeners = new Map<NewsListener, ReadonlySet<Topic>>();

  /** Never throws, never waits. */
  tell(item: NewsItem): void {
    for (const [listener, wanted] of this.#listeners) if (wanted.has(item.topic)) listener(item);
  }

  /** What is costly to find out need not be found out for nobody. */
  isHeard(topic: Topic): boolean {
    return [...this.#listeners.values()].some((wanted) => wanted.has(topic));
  }

  /** Returns the way to be told no more. */
  listen(wanted: ReadonlySet<Topic>, listener: NewsListener): () => void {
    this.#listeners.set(listener, wanted);
    return () => void this.#listeners.delete(listener);
  }
}
