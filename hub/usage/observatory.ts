// Stores, requests and links arrive; answers about traffic leave, and the clock by which it is counted and kept. The whole of this room at work.

import { randomUUID } from 'node:crypto';

import { ServerEvents, type EventStore } from './events.ts';
import { Ledger, type MeteredServer } from './ledger.ts';
import { LimitBook, type LimitStore, type QuotaCode, type QuotaRefusal } from './limit-book.ts';
import type { LimitSubject, TrafficLimits } from './limits.ts';
import { LinkBoard, type MeasuredLink } from './link-board.ts';
import { LinkChart, sampleEveryMs, type LinkSampleStore } from './link-chart.ts';
import type { LiveStream } from './live-stream.ts';
import type { Meter, MeteredRequest } from './meter.ts';
import type { NeighbourPost } from './neighbours.ts';
import { RollUp, type TrafficStore } from './roll-up.ts';
import type {
  AgentFacts,
  ChartSpan,
  LinkQuality,
  LinkSample,
  ServerEvent,
  TrafficQuestion,
  TrafficRow,
  UsageReadings,
  WatchedServer,
} from './usage.ts';
import { Watcher } from './watcher.ts';

export interface UsageStores {
  readonly traffic: TrafficStore;
  readonly limits: LimitStore;
  readonly neighbours: NeighbourPost;
  readonly linkSamples: LinkSampleStore;
  readonly events: EventStore;
}

export interface ObservatoryOptions {
  readonly stores: UsageStores;
  /** Something could not be stored or read; it is tried again. */
  readonly onFailure: (error: unknown) => void;
  /** A limit on traffic is reached: not each time that it refuses something. */
  readonly onExceeded?: (subject: LimitSubject, code: QuotaCode) => void;
  readonly now?: () => Date;
}

const minuteMs = 60_000;
/** The rollups' promise: a year, and a day so that this day last year can be looked at. */
const keptMs = 366 * 86_400_000;
/** Once in so many minutes what is too old is dropped, and the charts' points are joined. */
const tidyEveryMinutes = 10;
/** Whoever asks once is told more when he asks again: the looks go on for this long behind him. */
const glanceMs = 10_000;

export class Observatory implements UsageReadings {
  readonly ledger: Ledger;
  readonly serverEvents: ServerEvents;
  /** Since the start of the process. */
  readonly refusals: Record<QuotaCode, number> = { 'quota.bytes': 0, 'quota.streams': 0 };
  readonly #board: LinkBoard;
  readonly #limits: LimitBook;
  readonly #watcher: Watcher;
  readonly #chart: LinkChart;
  readonly #rollUp: RollUp;
  readonly #stores: UsageStores;
  readonly #onFailure: (error: unknown) => void;
  readonly #now: () => Date;
  #timer: NodeJS.Timeout | undefined;
  #minute = 0;
  #tidied = 0;

  constructor({ stores, onFailure, onExceeded, now = () => new Date() }: ObservatoryOptions) {
    const writer = randomUUID();
    this.#stores = stores;
    this.#onFailure = onFailure;
    this.#now = now;
    const told = onExceeded === undefined ? {} : { onExceeded };
    const { limits: store, neighbours } = stores;
    this.#limits = new LimitBook({ store, neighbours, writer, onFailure, now, ...told });
    this.ledger = new Ledger((tally) => this.#limits.pace(tally));
    this.#board = new LinkBoard(this.ledger);
    this.#watcher = new Watcher(this.ledger, this.#board);
    this.#chart = new LinkChart({ board: this.#board, store: stores.linkSamples, writer });
    this.serverEvents = new ServerEvents({ store: stores.events, onFailure });
    this.#rollUp = new RollUp({
      ledger: this.ledger,
      store: stores.traffic,
      writer,
      onTaken: (portions) => this.#limits.taken(portions),
      onFailure,
      now,
    });
  }

  /** Resolves when limits are known, so that no request begins before. */
  async start(): Promise<void> {
    await this.#limits.start(this.ledger);
    this.#minute = Math.floor(this.#now().getTime() / minuteMs);
    this.#tickLater();
  }

  /** The doors are about to close: from now on agents that go are no news. */
  leave(): void {
    this.serverEvents.leave();
  }

  /** When nothing moves any more. What was counted is stored. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#watcher.stop();
    await this.#limits.stop();
    await this.#attempt(() => this.#chart.flush());
    await this.#rollUp.flush();
    await this.serverEvents.flush();
  }

  /** Undefined: the request may begin. Asked on the path of every request. */
  refusal(server: MeteredServer): QuotaRefusal | undefined {
    const refusal = this.#limits.refusal(server);
    if (refusal !== undefined) this.refusals[refusal.code] += 1;
    return refusal;
  }

  open(request: MeteredRequest, server: MeteredServer): Meter {
    return this.ledger.open(request, server);
  }

  refused(request: MeteredRequest, server: MeteredServer): Meter {
    return this.ledger.refused(request, server);
  }

  /** True: it is the server's first. */
  linked(
    serverId: string,
    link: MeasuredLink,
    facts: { software: string; address: string },
  ): boolean {
    const isFirst = this.#board.attach(serverId, link);
    if (isFirst) this.serverEvents.connected(serverId, facts);
    return isFirst;
  }

  /** `reason` undefined: the agent moved to another process of this hub, which is no news. */
  unlinked(serverId: string, link: MeasuredLink, reason: string | undefined): void {
    if (this.#board.detach(serverId, link) && reason !== undefined)
      this.serverEvents.disconnected(serverId, reason);
  }

  live(serverId?: string): LiveStream[] {
    if (serverId !== undefined) this.#glanceAt(serverId);
    return this.ledger.live(serverId, performance.now());
  }

  linkQuality(serverId: string): LinkQuality | undefined {
    return this.#board.quality(serverId, performance.now());
  }

  watch(serverId: string, listener: (state: WatchedServer) => void): () => void {
    return this.#watcher.watch(serverId, listener);
  }

  linkSamples(serverId: string, span: ChartSpan): Promise<LinkSample[]> {
    return this.#chart.read(serverId, span, this.#now());
  }

  /** What lies in this process is stored first, so that an answer is never older than the question. */
  async traffic(question: TrafficQuestion): Promise<TrafficRow[]> {
    await this.#rollUp.flush();
    return this.#stores.traffic.read(question);
  }

  limits(subject: LimitSubject): Promise<TrafficLimits> {
    return Promise.resolve(this.#limits.of(subject));
  }

  setLimits(subject: LimitSubject, limits: TrafficLimits): Promise<void> {
    return this.#limits.set(subject, limits);
  }

  async bytesThisMonth(subject: LimitSubject): Promise<number> {
    const [stored = 0] = await this.#stores.limits.bytesSince([subject], this.#limits.monthStart());
    return this.#limits.spentBytes(subject, stored);
  }

  events(serverId: string, page: { limit: number; before?: string }): Promise<ServerEvent[]> {
    return this.#stores.events.list(serverId, page);
  }

  agents(serverIds: readonly string[]): Promise<ReadonlyMap<string, AgentFacts>> {
    return this.#stores.events.agents(serverIds);
  }

  /** Counts go to the store now. Cannot reject. */
  flush(): Promise<void> {
    return this.#rollUp.flush();
  }

  #glanceAt(serverId: string): void {
    if (this.#watcher.isWatched(serverId)) return;
    const stop = this.#watcher.watch(serverId, () => undefined);
    setTimeout(stop, glanceMs).unref();
  }

  #tickLater(): void {
    const nowMs = this.#now().getTime();
    const restMs = sampleEveryMs - (nowMs % sampleEveryMs);
    const delayMs = restMs < sampleEveryMs / 2 ? restMs + sampleEveryMs : restMs;
    this.#timer = setTimeout(() => this.#tick(), delayMs).unref();
  }

  #tick(): void {
    // A timer may come a millisecond before its time.
    const nowMs = Math.round(this.#now().getTime() / sampleEveryMs) * sampleEveryMs;
    this.#chart.sample(new Date(nowMs - sampleEveryMs), performance.now());
    const minute = Math.floor(nowMs / minuteMs);
    if (minute !== this.#minute) {
      this.#minute = minute;
      void this.#everyMinute(new Date(nowMs));
    }
    this.#tickLater();
  }

  /** Cannot reject. */
  async #everyMinute(now: Date): Promise<void> {
    await this.#rollUp.flush();
    await this.#attempt(() => this.#chart.flush());
    await this.#limits.refresh();
    this.#tidied += 1;
    if (this.#tidied % tidyEveryMinutes !== 0) return;
    const before = new Date(now.getTime() - keptMs);
    await this.#attempt(() => this.#stores.linkSamples.condense(now));
    await this.#attempt(() => this.#stores.traffic.forget(before));
    await this.#attempt(() => this.#stores.events.forget(before));
  }

  async #attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#onFailure(error);
    }
  }
}
