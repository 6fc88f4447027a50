// Samples of every connected server's links arrive each ten seconds; charts of the last hour and the last day leave, also after a restart.

import type { LinkBoard } from './link-board.ts';
import type { ChartSpan, LinkSample } from './usage.ts';

/** Where samples are kept. The store in hub/db implements it. */
export interface LinkSampleStore {
  /** Of one minute, by server id; `writer` is this process. A server may have links to two of them. */
  add(
    writer: string,
    minute: Date,
    samples: ReadonlyMap<string, readonly LinkSample[]>,
  ): Promise<void>;
  /** `hour`: as they were taken. `day`: means of five minutes. Oldest first, one for each instant. */
  read(serverId: string, span: ChartSpan, since: Date): Promise<LinkSample[]>;
  /** Joins minutes that the hour's chart no longer shows to means of five, and drops what is older than a day. */
  condense(now: Date): Promise<void>;
}

export const sampleEveryMs = 10_000;
const minuteMs = 60_000;
const spanMs: Record<ChartSpan, number> = { hour: 3_600_000, day: 86_400_000 };

export class LinkChart {
  readonly #board: LinkBoard;
  readonly #store: LinkSampleStore;
  readonly #writer: string;
  /** Not stored yet, by server id. Lost with the process: a chart misses a minute. */
  #fresh = new Map<string, LinkSample[]>();
  #minuteMs: number | undefined;

  constructor(options: { board: LinkBoard; store: LinkSampleStore; writer: string }) {
    this.#board = options.board;
    this.#store = options.store;
    this.#writer = options.writer;
  }

  /** Every ten seconds. `at`: the beginning of the time of which the sample is the mean. */
  sample(at: Date, nowMs: number): void {
    this.#minuteMs ??= Math.floor(at.getTime() / minuteMs) * minuteMs;
    for (const [serverId, sample] of this.#board.sample(at, nowMs)) {
      const samples = this.#fresh.get(serverId);
      if (samples === undefined) this.#fresh.set(serverId, [sample]);
      else samples.push(sample);
    }
  }

  /** Every minute, and at stop. What cannot be stored is dropped: it is a picture, not an account. */
  async flush(): Promise<void> {
    const [samples, minute] = [this.#fresh, this.#minuteMs];
    this.#fresh = new Map();
    this.#minuteMs = undefined;
    if (minute !== undefined && samples.size > 0)
      await this.#store.add(this.#writer, new Date(minute), samples);
  }

  async read(serverId: string, span: ChartSpan, now: Date): Promise<LinkSample[]> {
    const stored = await this.#store.read(serverId, span, new Date(now.getTime() - spanMs[span]));
    if (span === 'day') return stored;
    const last = stored.at(-1)?.at.getTime() ?? 0;
    const fresh = this.#fresh.get(serverId) ?? [];
    return [...stored, ...fresh.filter(({ at }) => at.getTime() > last)];
  }
}
