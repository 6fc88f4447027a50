// Questions about traffic arrive from pages and the API; what this hub knows of it leaves: now, of the last hour, and of the last year.

import type { LimitSubject, TrafficLimits } from './limits.ts';
import type { LiveStream } from './live-stream.ts';

/** What everybody may ask of usage. Pages and the API are built on it. */
export interface UsageReadings {
  /** Streams that run through this process, youngest last. Undefined: of all servers. */
  live(serverId?: string): LiveStream[];
  /** Of the server's links to this process, now; undefined when it has none. */
  linkQuality(serverId: string): LinkQuality | undefined;
  /**
   * Tells of the server every two seconds until the returned function is called. Only while somebody watches does anybody
   * look what limits its streams.
   */
  watch(serverId: string, listener: (state: WatchedServer) => void): () => void;
  /** Points of a chart, oldest first, the last one at most a few seconds old. */
  linkSamples(serverId: string, span: ChartSpan): Promise<LinkSample[]>;
  /** Rows with traffic only, oldest first: whoever draws fills the gaps with zero. */
  traffic(question: TrafficQuestion): Promise<TrafficRow[]>;
  limits(subject: LimitSubject): Promise<TrafficLimits>;
  /** What is absent in `limits` is no longer limited. In force at once, on every process. */
  setLimits(subject: LimitSubject, limits: TrafficLimits): Promise<void>;
  /** What counts towards the monthly quota. */
  bytesThisMonth(subject: LimitSubject): Promise<number>;
  /** Youngest first. `before`: the id of the last one of the page before. */
  events(serverId: string, page: { limit: number; before?: string }): Promise<ServerEvent[]>;
  /** What the agents of these servers said of themselves when they last connected, by server id. */
  agents(serverIds: readonly string[]): Promise<ReadonlyMap<string, AgentFacts>>;
}

export interface LinkQuality {
  readonly links: number;
  /** Latest round trip of the best link. Milliseconds; undefined before the first. */
  readonly rttMs: number | undefined;
  /** What bytes wait on the way beyond the line's own delay. Milliseconds. */
  readonly queueMs: number | undefined;
  readonly bitsPerSecondUp: number;
  readonly bitsPerSecondDown: number;
}

export interface WatchedServer {
  readonly serverId: string;
  readonly isConnected: boolean;
  readonly link: LinkQuality | undefined;
  readonly streams: readonly LiveStream[];
}

/** `hour`: a point each 10 seconds. `day`: one each 5 minutes. */
export type ChartSpan = 'hour' | 'day';

/** Means over the time that begins at `at`. Up is what visitors send, down what they get. */
export interface LinkSample {
  readonly at: Date;
  readonly rttMs: number | undefined;
  readonly queueMs: number | undefined;
  readonly bitsPerSecondUp: number;
  readonly bitsPerSecondDown: number;
}

export interface TrafficQuestion {
  readonly subject: LimitSubject;
  readonly by: 'hour' | 'day';
  /** From the beginning of the hour or day in which it lies, UTC. */
  readonly from: Date;
  /** Exclusive. */
  readonly to: Date;
}

/** Requests by the status they were answered with; `none` for those whose visitor left before. */
export type StatusClass = '1xx' | '2xx' | '3xx' | '4xx' | '5xx' | 'none';

export interface TrafficRow {
  /** Beginning of the hour or day, UTC. */
  readonly at: Date;
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** 1xx: WebSockets. */
  readonly requests: Readonly<Record<StatusClass, number>>;
}

/** What happened to a server, for its page. */
export type ServerEventKind =
  | 'connected'
  | 'disconnected'
  | 'renamed'
  | 'agent-updated'
  | 'certificate-renewed';

export interface ServerEvent {
  /** UUIDv7. */
  readonly id: string;
  readonly serverId: string;
  readonly at: Date;
  readonly kind: ServerEventKind;
  /** `disconnected`: the reason. `renamed`, `agent-updated`: from and to. `connected`: address and software. */
  readonly detail: Readonly<Record<string, string>>;
}

export interface AgentFacts {
  /** `phlix-agent/0.1.0`, as it says itself. */
  readonly software: string;
  readonly connectedAt: Date;
}
