// The edge says what passes in one exchange; numbers for the ledger leave, and the word to wait where a rate is set. Nothing here allocates per piece.

import { appName } from './app-name.ts';
import type { ExchangeCounts } from './exchange-counts.ts';
import type { ExchangeRecord } from './exchange-record.ts';
import type { LimitedBy, LiveStream } from './live-stream.ts';
import { kindOf, pathClassOf } from './content.ts';
import type { OwnerTally, Tally } from './tally.ts';

/** What is known of a request when it arrives. */
export interface MeteredRequest {
  readonly id: string;
  readonly target: string;
  /** Names in lower case: [name, value, name, value, ...]. */
  readonly fields: readonly string[];
  readonly clientAddress: string | undefined;
}

/** Whose word says what the agent waits for, while somebody asks: a link to it. */
export interface ReportingLink {
  /** Latest, by stream id. */
  readonly report?: AgentReport | undefined;
}

/** How often, of the times it looked, an agent saw what. */
export interface AgentReport {
  readonly atMs: number;
  /** Share of the time in which the agent's process had no rest, 0 to 1. */
  readonly busy: number;
  readonly queueMs: number | undefined;
  readonly streams: ReadonlyMap<number, StreamReport>;
}

/** Shares of the looks, 0 to 1. What is left: nothing waited there. */
export interface StreamReport {
  /** Bytes waited although the hub would take them: the line was full. */
  readonly line: number;
  /** Bytes waited for the hub to take them. */
  readonly credit: number;
}

/** The stream that carries the exchange to the agent. */
export interface CarryingStream {
  readonly id?: number | undefined;
  /** What our own bytes on it wait for. */
  readonly waitsFor?: 'line' | 'credit' | undefined;
}

/** What an exchange was seen waiting for, counted in looks. */
type Seen = 'viewer' | 'limit' | 'line' | 'origin' | 'arrival';

export class Meter {
  readonly #request: MeteredRequest;
  readonly #tally: Tally<Meter>;
  readonly #counts: ExchangeCounts;
  readonly #owner: OwnerTally;
  readonly #since = Date.now();
  readonly #sinceMs = performance.now();
  #status: number | undefined;
  #contentType: string | undefined;
  #isOver = false;
  #isViewerFull = false;
  #link: ReportingLink | undefined;
  #linkedMs: number | undefined;
  #answeredMs: number | undefined;
  #downTimer: NodeJS.Timeout | undefined;
  #upTimer: NodeJS.Timeout | undefined;
  readonly #seen: Record<Seen, number> = { viewer: 0, limit: 0, line: 0, origin: 0, arrival: 0 };
  #judged: { limitedBy: LimitedBy | undefined; atMs: number } | undefined;
  #markBytes = 0;
  #markAtMs = this.#sinceMs;
  #bytesPerMs = 0;

  /** Of bodies, and of what a WebSocket carries. */
  bytesUp = 0;
  bytesDown = 0;
  /** The request's body is still on its way here. */
  isUploading = false;
  /** The way to the origin takes no more of it for now. */
  isWayFull = false;
  stream: CarryingStream | undefined;
  /** The rate lets bytes pass again. */
  onDownRoom: () => void = nothing;
  onUpRoom: () => void = nothing;
  /** Of whoever keeps a record; asked once, when it is over. */
  onClosed: ((record: ExchangeRecord) => void) | undefined;
  /** How often it went on after its line broke. */
  resumes = 0;
  /** The hub's code, where it is the hub that answers or breaks off. */
  failure: string | undefined;

  constructor(request: MeteredRequest, tally: Tally<Meter>, counts: ExchangeCounts) {
    this.#request = request;
    this.#tally = tally;
    this.#owner = tally.owner;
    this.#counts = counts;
  }

  /** The one that carries it now. */
  get link(): ReportingLink | undefined {
    return this.#link;
  }

  set link(link: ReportingLink | undefined) {
    this.#link = link;
    this.#linkedMs ??= performance.now() - this.#sinceMs;
  }

  /** The visitor takes no more for now. */
  get isViewerFull(): boolean {
    return this.#isViewerFull;
  }

  set isViewerFull(isFull: boolean) {
    if (isFull === this.#isViewerFull || this.#isOver) return;
    this.#isViewerFull = isFull;
    if (isFull) this.#counts.viewerStalls.begin(performance.now());
    else this.#counts.viewerStalls.end(performance.now());
  }

  /** Bytes for the visitor. False: they were ahead of the rate, and the next may come at `onDownRoom`. */
  down(bytes: number): boolean {
    this.bytesDown += bytes;
    if (this.#tally.rate === undefined && this.#owner.rate === undefined) return true;
    const waitMs = this.#waitMs(bytes);
    if (waitMs > 0 && this.#downTimer === undefined && !this.#isOver)
      this.#downTimer = this.#hold(waitMs, () => {
        this.#downTimer = undefined;
        this.onDownRoom();
      });
    return this.#downTimer === undefined;
  }

  /** Bytes of the visitor. False: as above, at `onUpRoom`. */
  up(bytes: number): boolean {
    this.bytesUp += bytes;
    if (this.#tally.rate === undefined && this.#owner.rate === undefined) return true;
    const waitMs = this.#waitMs(bytes);
    if (waitMs > 0 && this.#upTimer === undefined && !this.#isOver)
      this.#upTimer = this.#hold(waitMs, () => {
        this.#upTimer = undefined;
        this.onUpRoom();
      });
    return this.#upTimer === undefined;
  }

  get isDownHeld(): boolean {
    return this.#downTimer !== undefined;
  }

  get isUpHeld(): boolean {
    return this.#upTimer !== undefined;
  }

  /** The head of the answer; only the first one counts. 101: it is a WebSocket. */
  answered(status: number, contentType?: string): void {
    if (this.#status !== undefined) return;
    this.#answeredMs = performance.now() - this.#sinceMs;
    this.#counts.onFirstByte(this.#answeredMs / 1000);
    this.failed(status, contentType);
  }

  /** The hub answers in the server's place. */
  failed(status: number, contentType?: string): void {
    if (this.#status !== undefined) return;
    this.#status = status;
    this.#contentType = contentType;
    this.#tally.noteStatus(status);
  }

  /** The exchange is over, however it ended. */
  close(): void {
    if (this.#isOver) return;
    this.isViewerFull = false;
    this.#isOver = true;
    for (const timer of [this.#downTimer, this.#upTimer]) {
      if (timer === undefined) continue;
      clearTimeout(timer);
      this.#counts.rateStalls.end(performance.now());
    }
    if (this.#status === undefined) this.#tally.noteStatus(undefined);
    this.#tally.end(this, this.#owner);
    this.onClosed?.(this.#record());
  }

  /** One look at what it waits for. */
  look(): void {
    this.#seen[this.#waitsFor()] += 1;
  }

  /** Decides from the looks since the last time, and forgets them. */
  judge(nowMs: number): void {
    const { viewer, limit, line, origin, arrival } = this.#seen;
    const looks = viewer + limit + line + origin + arrival;
    const limitedBy = looks < leastLooks ? undefined : this.#judgement(looks, nowMs);
    this.#judged = { limitedBy, atMs: nowMs };
    for (const seen of Object.keys(this.#seen) as Seen[]) this.#seen[seen] = 0;
  }

  view(nowMs: number): LiveStream {
    const { id, target, clientAddress } = this.#request;
    const isJudged = this.#judged !== undefined && nowMs - this.#judged.atMs < staleMs;
    return {
      id,
      serverId: this.#tally.serverId,
      since: new Date(this.#since),
      address: clientAddress,
      app: appName(this.#request),
      kind: this.#status === undefined ? undefined : kindOf(this.#status, this.#contentType),
      path: this.#status === 101 ? 'socket' : pathClassOf(target),
      bytesUp: this.bytesUp,
      bytesDown: this.bytesDown,
      bitsPerSecond: Math.round(this.bytesPerMs(nowMs) * 8000),
      limitedBy: isJudged ? this.#judged?.limitedBy : undefined,
    };
  }

  /** Over the last seconds: from the last mark, which is renewed at most once a second. */
  bytesPerMs(nowMs: number): number {
    const elapsedMs = nowMs - this.#markAtMs;
    const bytes = this.bytesUp + this.bytesDown;
    const isFirst = this.#markBytes === 0;
    if (elapsedMs < leastMarkMs)
      return isFirst && elapsedMs > 0 ? bytes / elapsedMs : this.#bytesPerMs;
    this.#bytesPerMs = (bytes - this.#markBytes) / elapsedMs;
    this.#markBytes = bytes;
    this.#markAtMs = nowMs;
    return this.#bytesPerMs;
  }

  #hold(waitMs: number, release: () => void): NodeJS.Timeout {
    this.#counts.rateStalls.begin(performance.now());
    return setTimeout(() => {
      this.#counts.rateStalls.end(performance.now());
      release();
    }, waitMs);
  }

  #record(): ExchangeRecord {
    return {
      startedAt: this.#since,
      linkedMs: this.#linkedMs,
      answeredMs: this.#answeredMs,
      durationMs: performance.now() - this.#sinceMs,
      status: this.#status,
      bytesUp: this.bytesUp,
      bytesDown: this.bytesDown,
      resumes: this.resumes,
      failure: this.failure,
    };
  }

  #waitMs(bytes: number): number {
    const nowMs = performance.now();
    const ofServer = this.#tally.rate?.take(bytes, nowMs) ?? 0;
    const waitMs = Math.max(ofServer, this.#owner.rate?.take(bytes, nowMs) ?? 0);
    if (waitMs > 0) this.#tally.waits += 1;
    return waitMs;
  }

  #waitsFor(): Seen {
    if (this.isDownHeld || this.isUpHeld) return 'limit';
    if (this.isViewerFull) return 'viewer';
    if (!this.isUploading) return 'arrival';
    // The visitor's body: nothing comes, or the way is full, and then either the line or whoever reads at its end.
    if (!this.isWayFull) return 'viewer';
    return this.stream?.waitsFor === 'credit' ? 'origin' : 'line';
  }

  #judgement(looks: number, nowMs: number): LimitedBy | undefined {
    const { viewer, limit, line, origin, arrival } = this.#seen;
    const most = Math.max(viewer, limit, line, origin, arrival);
    if (most === arrival && arrival * 2 >= looks) return this.#whyNothingArrives(nowMs);
    // Between two messages of a WebSocket nobody waits.
    if (most === viewer) return 'viewer';
    if (most === limit) return 'limit';
    return most === line ? 'line' : 'origin';
  }

  /** Only the agent knows whether bytes lie with him. One that does not say is taken at the word of his silence: unknown. */
  #whyNothingArrives(nowMs: number): LimitedBy | undefined {
    const report = this.link?.report;
    const isSocket = this.#status === 101;
    if (report === undefined || nowMs - report.atMs > staleMs) return undefined;
    const { line, credit } = this.#sharesIn(report);
    if (line + credit >= 0.5) {
      // Credit that runs out although the viewer takes all: the window is smaller than what is on its way, so it is the way.
      return report.busy >= fullyBusy && line >= credit ? 'agent' : 'line';
    }
    if (report.busy >= fullyBusy) return 'agent';
    return isSocket ? undefined : 'origin';
  }

  /** Exchanges over HTTP/2 to an origin share a stream, and nobody tells them apart: the fullest one stands for them. */
  #sharesIn({ streams }: AgentReport): StreamReport {
    const id = this.stream?.id;
    if (id !== undefined) return streams.get(id) ?? noShares;
    let fullest = noShares;
    for (const shares of streams.values()) if (shares.line > fullest.line) fullest = shares;
    return fullest;
  }
}

const noShares: StreamReport = { line: 0, credit: 0 };

/** Ten looks a second: below half a second of them nothing is known. */
const leastLooks = 5;
/** Three rounds of looking. */
const staleMs = 6000;
const leastMarkMs = 1000;
/** A process that is never idle is itself what everybody waits for. */
const fullyBusy = 0.95;

function nothing(): void {}
