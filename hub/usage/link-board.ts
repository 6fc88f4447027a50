// Links of agents come and go; how good they are now leaves, by server.

import type { AgentReport } from './meter.ts';
import type { Ledger } from './ledger.ts';
import type { LinkQuality, LinkSample } from './usage.ts';

/** What the gateway's links tell of themselves. */
export interface MeasuredLink {
  /** Latest round trip by ping; undefined before the first answer. */
  readonly rttMs: number | undefined;
  /** The shortest one of late: the line's own. */
  readonly minRttMs: number | undefined;
  readonly report?: AgentReport | undefined;
  /** Asks the agent to look for so long at what its streams wait for, and to report. */
  askReport(lookMs: number): void;
}

/** Older than this, what an agent said of its queue is history. */
const freshMs = 6000;

interface Mark {
  readonly atMs: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
}

interface Connected {
  readonly links: Set<MeasuredLink>;
  /** For the samples of every ten seconds, and for whoever asks in between. */
  sampled: Mark;
  asked: Mark;
  quality: { up: number; down: number };
}

/** Between two answers about what passes now: shorter ones would show the pieces and not the stream. */
const leastAskedMs = 1500;

export class LinkBoard {
  readonly #ledger: Ledger;
  readonly #servers = new Map<string, Connected>();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** True: it is the server's first. */
  attach(serverId: string, link: MeasuredLink): boolean {
    const known = this.#servers.get(serverId);
    if (known !== undefined) {
      known.links.add(link);
      return false;
    }
    const mark = this.#mark(serverId, performance.now());
    const quality = { up: 0, down: 0 };
    this.#servers.set(serverId, { links: new Set([link]), sampled: mark, asked: mark, quality });
    return true;
  }

  /** True: it was the server's last. */
  detach(serverId: string, link: MeasuredLink): boolean {
    const known = this.#servers.get(serverId);
    if (known?.links.delete(link) !== true || known.links.size > 0) return false;
    this.#servers.delete(serverId);
    return true;
  }

  isConnected(serverId: string): boolean {
    return this.#servers.has(serverId);
  }

  askReports(serverId: string, lookMs: number): void {
    for (const link of this.#servers.get(serverId)?.links ?? []) link.askReport(lookMs);
  }

  quality(serverId: string, nowMs: number): LinkQuality | undefined {
    const known = this.#servers.get(serverId);
    if (known === undefined) return undefined;
    if (nowMs - known.asked.atMs >= leastAskedMs) {
      const mark = this.#mark(serverId, nowMs);
      known.quality = bitsPerSecond(known.asked, mark);
      known.asked = mark;
    }
    const { up, down } = known.quality;
    const delay = delayOf(known.links, nowMs);
    return { links: known.links.size, ...delay, bitsPerSecondUp: up, bitsPerSecondDown: down };
  }

  /** One point of every connected server's chart: means since the last time. */
  sample(at: Date, nowMs: number): Map<string, LinkSample> {
    const samples = new Map<string, LinkSample>();
    for (const [serverId, known] of this.#servers) {
      const mark = this.#mark(serverId, nowMs);
      const { up, down } = bitsPerSecond(known.sampled, mark);
      known.sampled = mark;
      const delay = delayOf(known.links, nowMs);
      samples.set(serverId, { at, ...delay, bitsPerSecondUp: up, bitsPerSecondDown: down });
    }
    return samples;
  }

  #mark(serverId: string, atMs: number): Mark {
    const { bytesUp = 0, bytesDown = 0 } = this.#ledger.find(serverId)?.counted() ?? {};
    return { atMs, bytesUp, bytesDown };
  }
}

/** A tally that rested was forgotten and begins again at zero: then nothing passed. */
function bitsPerSecond(from: Mark, to: Mark): { up: number; down: number } {
  const bitsPerByteMs = 8000 / Math.max(1, to.atMs - from.atMs);
  const of = (bytes: number): number => Math.max(0, Math.round(bytes * bitsPerByteMs));
  return { up: of(to.bytesUp - from.bytesUp), down: of(to.bytesDown - from.bytesDown) };
}

/** New streams go where there is room: the best link is what a visitor gets. */
function delayOf(
  links: Iterable<MeasuredLink>,
  nowMs: number,
): { rttMs: number | undefined; queueMs: number | undefined } {
  const all = [...links];
  const rtts = all.flatMap(({ rttMs }) => (rttMs === undefined ? [] : [rttMs]));
  const queues = all.flatMap((link) => queueOf(link, nowMs) ?? []);
  return {
    rttMs: rtts.length === 0 ? undefined : Math.min(...rtts),
    queueMs: queues.length === 0 ? undefined : Math.max(...queues),
  };
}

/** The agent's own word is of the way on which films leave a home; without one the last ping tells. */
function queueOf({ rttMs, minRttMs, report }: MeasuredLink, nowMs: number): number | undefined {
  if (report?.queueMs !== undefined && nowMs - report.atMs < freshMs) return report.queueMs;
  return rttMs === undefined || minRttMs === undefined ? undefined : Math.max(0, rttMs - minRttMs);
}
