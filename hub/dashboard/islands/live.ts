// Events of the hub arrive as they happen; whoever listens for their kind gets them. The browser connects again by itself.

type Listener = (payload: unknown) => void;

const path = '/api/v1/events';

/** One connection per page, however many listen. */
let source: EventSource | undefined;
const listeners = new Map<string, Set<Listener>>();

/** `kind` is the event's name on the wire, such as `server.online`. Returns what stops it. */
export function listen(kind: string, listener: Listener): () => void {
  const same = listeners.get(kind) ?? new Set();
  if (!listeners.has(kind)) {
    listeners.set(kind, same);
    stream().addEventListener(kind, ({ data }: MessageEvent<string>) => {
      const payload: unknown = JSON.parse(data);
      for (const each of same) each(payload);
    });
  }
  same.add(listener);
  return () => same.delete(listener);
}

/** Told when the connection is there again after a gap: what is shown may be old. */
export function onReconnect(listener: () => void): void {
  let isFirst = true;
  stream().addEventListener('open', () => {
    if (!isFirst) listener();
    isFirst = false;
  });
}

function stream(): EventSource {
  source ??= new EventSource(path);
  return source;
}

// A page in the browser's back list must not hold a connection that another page needs.
addEventListener('pagehide', () => source?.close());
addEventListener('pageshow', ({ persisted }) => persisted && location.reload());
