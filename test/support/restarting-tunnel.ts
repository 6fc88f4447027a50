// A server whose links come and go as a test says; each link is a real session in memory, whose streams the test answers as the origin.

import { forward, type ForwardOptions } from '../../hub/edge/forward.ts';
import type { ResumeEvent } from '../../hub/edge/resume/event.ts';
import type { ResumeOptions } from '../../hub/edge/resume/resume.ts';
import type { Link, Tunnel } from '../../hub/edge/stream-pool.ts';
import type { VisitorRequest } from '../../hub/edge/visitor.ts';
import { Backoff } from '../../shared/backoff.ts';
import type { MuxStream } from '../../shared/mux/stream.ts';
import { RecordingVisitor, ScriptedOrigin, visitorRequest } from './exchanges.ts';
import { sessionPair, type SessionPair } from './sessions.ts';
import { memoryPair } from './transports.ts';

export class RestartingTunnel implements Tunnel {
  links: readonly TestSession[] = [];
  readonly events: ResumeEvent[] = [];
  awaitedMs = 0;
  readonly #waiting = new Set<(link: Link | undefined) => void>();
  #isOver = false;

  /** How many wait for a link. */
  get waitingCount(): number {
    return this.#waiting.size;
  }

  nextLink(signal: AbortSignal): Promise<Link | undefined> {
    const [first] = this.links;
    if (first !== undefined || signal.aborted || this.#isOver) return Promise.resolve(first);
    return new Promise((resolve) => {
      const settle = (link: Link | undefined): void => {
        this.#waiting.delete(settle);
        signal.removeEventListener('abort', leave);
        resolve(link);
      };
      const leave = (): void => settle(undefined);
      signal.addEventListener('abort', leave);
      this.#waiting.add(settle);
    });
  }

  connect(): TestSession {
    const link = new TestSession();
    this.links = [...this.links, link];
    for (const settle of this.#waiting) settle(link);
    return link;
  }

  /** The line under a link breaks: the hub has noticed, and its streams are told. */
  cut(link: TestSession): void {
    this.#drop(link);
    link.pair.hub.session.destroy();
  }

  /** The link takes no more streams; those that run go on. */
  retire(link: TestSession): void {
    this.#drop(link);
  }

  /** The server is revoked. */
  close(): void {
    this.#isOver = true;
    for (const link of this.links) this.cut(link);
    for (const settle of this.#waiting) settle(undefined);
  }

  forward(
    changes: Partial<VisitorRequest> = {},
    resume: Partial<ResumeOptions> = {},
    options: Partial<ForwardOptions> = {},
  ): RecordingVisitor {
    const visitor = new RecordingVisitor();
    forward(visitorRequest(changes), visitor, this, {
      idleTimeoutMs: 600_000,
      resume: {
        timeoutMs: 60_000,
        backoff: () => new Backoff({ firstMs: 0 }),
        onEvent: (_, event) => this.events.push(event),
        ...resume,
      },
      ...options,
    });
    return visitor;
  }

  #drop(link: TestSession): void {
    this.links = this.links.filter((other) => other !== link);
    link.retirement.abort();
  }
}

export class TestSession implements Link {
  readonly pair: SessionPair = sessionPair(memoryPair());
  readonly retirement = new AbortController();
  readonly retired = this.retirement.signal;

  get streamCount(): number {
    return this.pair.hub.session.streamCount;
  }

  get inFlightBytes(): number {
    return this.pair.hub.session.inFlightBytes;
  }

  openStream(): MuxStream {
    return this.pair.hub.session.openStream();
  }

  /** The next stream, once the origin has heard a whole head. */
  async accept(): Promise<ScriptedOrigin> {
    const origin = new ScriptedOrigin(await this.pair.agent.nextStream());
    await origin.heard('\r\n\r\n');
    return origin;
  }
}
