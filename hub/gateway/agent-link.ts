// An authenticated agent's pipe arrives; a link for the registry leaves, that opens streams to the agent until it ends.

import { Buffer } from 'node:buffer';

import type { FramePipe } from '../../shared/mux/frame-pipe.ts';
import type { GrowthBudget } from '../../shared/mux/receive-window.ts';
import { Session, type SessionEnd } from '../../shared/mux/session.ts';
import type { SendStalls } from '../../shared/mux/stalls.ts';
import type { GoawayReason } from '../../shared/wire/codes.ts';
import type { Hello, OriginProtocol, Welcome } from '../../shared/wire/hello.ts';
import type { TunnelLink, TunnelStream } from '../tunnels/tunnel.ts';
import type { MeasuredLink } from '../usage/link-board.ts';
import type { AgentReport } from '../usage/meter.ts';
import { readReport } from './agent-report.ts';

export interface AgentLinkOptions {
  readonly agentId: string;
  readonly admission: bigint;
  readonly address: string;
  /** It came in by the visitors' door. */
  readonly isGuest: boolean;
  readonly hello: Hello;
  readonly welcome: Welcome;
  readonly maxStreams: number;
  /** Shared with the other links of this server. */
  readonly growth: GrowthBudget;
  /** Of all links together. */
  readonly stalls?: SendStalls | undefined;
  /** The agent takes no more streams: it should no longer be found. */
  readonly onRetired: () => void;
  /** The agent says that it has another link by now, for the first time since it was asked (rule P54). */
  readonly onMoved: () => void;
  /** Called once. */
  readonly onClosed: (end: SessionEnd) => void;
}

/** Bytes that wait, and where. */
export interface Queued {
  inFlight: number;
  unsent: number;
  unread: number;
}

export class AgentLink implements TunnelLink, MeasuredLink {
  readonly agentId: string;
  readonly admission: bigint;
  readonly epoch: bigint;
  readonly slot: number;
  readonly address: string;
  readonly isGuest: boolean;
  readonly originProtocol: OriginProtocol;
  readonly wantsClientAddress: boolean;
  #move: 'unasked' | 'asked' | 'done' = 'unasked';
  #isLeaving = false;
  #isReportAsked = false;
  #report: AgentReport | undefined;
  readonly #session: Session;
  readonly #retirement = new AbortController();

  constructor(pipe: FramePipe, options: AgentLinkOptions) {
    // One by one: what a callback below names lives as long as the link, the whole hello would.
    const { hello, welcome, onMoved, onClosed } = options;
    this.agentId = options.agentId;
    this.admission = options.admission;
    this.address = options.address;
    this.isGuest = options.isGuest;
    this.epoch = hello.epoch;
    this.slot = hello.slot;
    this.originProtocol = hello.originProtocol;
    this.wantsClientAddress = hello.wantsClientAddress === true;
    this.#retirement.signal.addEventListener('abort', options.onRetired, { once: true });
    this.#session = new Session(pipe, {
      role: 'acceptor',
      receiveWindowBytes: welcome.initialWindowBytes,
      sendWindowBytes: hello.initialWindowBytes,
      pingIntervalMs: welcome.pingIntervalMs,
      pingDeadlineMs: welcome.pingDeadlineMs,
      maxStreams: options.maxStreams,
      growth: options.growth,
      stalls: options.stalls,
      // No onStream: an agent that opens one breaks the protocol (security row D-04).
      onGoaway: () => {
        // The answer to our own goaway says nothing of the agent's plans.
        this.#isLeaving = !this.#retirement.signal.aborted;
        this.#retirement.abort();
      },
      onNotice: (payload) => {
        if (this.#isReportAsked) this.#noteReport(payload);
        // Said a thousand times, it would be looked up a thousand times for each link.
        if (this.#move !== 'asked' || !isMoved(payload)) return;
        this.#move = 'done';
        onMoved();
      },
      onClosed: (end) => {
        this.#retirement.abort();
        onClosed(end);
      },
    });
  }

  get retired(): AbortSignal {
    return this.#retirement.signal;
  }

  get isMoving(): boolean {
    return this.#move !== 'unasked';
  }

  get hasMoved(): boolean {
    return this.#move === 'done';
  }

  get isLeaving(): boolean {
    return this.#isLeaving;
  }

  get streamCount(): number {
    return this.#session.streamCount;
  }

  get inFlightBytes(): number {
    return this.#session.inFlightBytes;
  }

  /** Added to what other links hold: bytes on their way to the agent, bytes that wait for that, and bytes that visitors have not taken. */
  addQueued(queued: Queued): void {
    queued.inFlight += this.#session.inFlightBytes;
    for (const { unsentBytes, unreadBytes } of this.#session.streams) {
      queued.unsent += unsentBytes;
      queued.unread += unreadBytes;
    }
  }

  get rttMs(): number | undefined {
    return this.#session.rttMs;
  }

  get minRttMs(): number | undefined {
    return this.#session.minRttMs;
  }

  get report(): AgentReport | undefined {
    return this.#report;
  }

  /** Each question gets one answer: what else an agent says of its streams is not listened to. */
  askReport(lookMs: number): void {
    this.#isReportAsked = true;
    this.#notice({ report: lookMs });
  }

  openStream(opening?: Buffer): TunnelStream {
    return this.#session.openStream(opening);
  }

  end(reason: GoawayReason, text?: string): void {
    this.#session.goaway(reason, text);
    this.#retirement.abort();
  }

  announce(addresses: readonly string[]): void {
    this.#notice({ addresses });
  }

  askToCheckUp(): void {
    this.#notice({ checkup: true });
  }

  /** Asks the agent to open another link before this one drains. */
  askToMove(): void {
    this.#move = 'asked';
    this.#notice({ move: true });
  }

  /** Nobody wishes any more that the agent moves. One that has not answered yet still dials, and may arrive here. */
  stay(): void {
    if (this.#move === 'done') this.#move = 'unasked';
  }

  destroy(): void {
    this.#session.destroy();
  }

  #noteReport(payload: Buffer): void {
    const report = readReport(payload, performance.now());
    if (report === undefined) return;
    this.#isReportAsked = false;
    this.#report = report;
  }

  #notice(content: object): void {
    this.#session.notice(Buffer.from(JSON.stringify(content)));
  }
}

/** A notice that says nothing we know is ignored. */
function isMoved(payload: Buffer): boolean {
  try {
    const notice: unknown = JSON.parse(payload.toString());
    return typeof notice === 'object' && notice !== null && 'moved' in notice;
  } catch {
    return false;
  }
}
