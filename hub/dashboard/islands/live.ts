// News of the hub arrive as they happen; whoever listens for their topic gets them. The browser connects again by itself.

/** As hub/api/news/news.ts names them. */
export type Topic = 'servers' | 'streams' | 'usage' | 'account' | 'admin';

type Listener = (body: unknown) => void;

/** One connection per page, however many listen: a browser has few of them. */
let source: EventSource | undefined;
let openFor = '';
let server: string | undefined;
let isReadyBefore = false;
const listeners = new Map<Topic, Set<Listener>>();
const returns = new Set<() => void>();

/** Returns what stops it. */
export function listen(topic: Topic, listener: Listener): () => void {
  const same = listeners.get(topic) ?? new Set();
  listeners.set(topic, same.add(listener));
  queueMicrotask(connect);
  return () => same.delete(listener);
}

/** This page is about one server: what happens to others is not sent. Before anything else. */
export function listenToServer(id: string): void {
  server = id;
}

/** Told when the connection is there again after a gap: what is shown may be old. */
export function onReconnect(listener: () => void): void {
  returns.add(listener);
}

/** All that asked in one go share one connection. */
function connect(): void {
  const topics = [...listeners.keys()].sort();
  if (topics.join(',') === openFor) return;
  openFor = topics.join(',');
  source?.close();
  const about = server === undefined ? '' : `&server=${encodeURIComponent(server)}`;
  source = new EventSource(`/api/v1/events?topics=${openFor}${about}`);
  // The first event of each connection: nothing that happened before it is repeated.
  source.addEventListener('ready', () => {
    if (isReadyBefore) for (const listener of returns) listener();
    isReadyBefore = true;
  });
  for (const topic of topics)
    source.addEventListener(topic, ({ data }: MessageEvent<string>) => {
      const body: unknown = JSON.parse(data);
      for (const listener of listeners.get(topic) ?? []) listener(body);
    });
}

// A page in the browser's back list must not hold a connection that another page needs.
addEventListener('pagehide', () => source?.close());
addEventListener('pageshow', ({ persisted }) => persisted && location.reload());
