// The event loop is asked fifty times a second whether it is in time; how late it was in the last quarter of a minute leaves.

import { monitorEventLoopDelay, type ELDHistogram } from 'node:perf_hooks';

import type { Sample } from './metric.ts';

/** Short enough to see a pause that players notice, 50 ms; asking costs nothing that could be measured. */
const resolutionMs = 20;
/** How often monitoring systems ask: each answer tells of the time since the last one, whoever asks besides. */
const windowMs = 15_000;
const percentiles = ['50', '99', '100'] as const;

export class EventLoopDelay {
  readonly #histogram: ELDHistogram;
  readonly #timer: NodeJS.Timeout;
  #last: readonly Sample[] | undefined;

  constructor() {
    this.#histogram = monitorEventLoopDelay({ resolution: resolutionMs });
    this.#histogram.enable();
    this.#timer = setInterval(() => {
      this.#last = samplesOf(this.#histogram);
      this.#histogram.reset();
    }, windowMs).unref();
  }

  /** Seconds, by percentile: of the last whole window, or until there is one of the time since the start. */
  samples(): readonly Sample[] {
    return this.#last ?? samplesOf(this.#histogram);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#histogram.disable();
  }
}

function samplesOf(histogram: ELDHistogram): readonly Sample[] {
  return percentiles.map((percentile) => ({
    labels: { percentile },
    value: secondsLate(histogram.percentile(Number(percentile))),
  }));
}

/** What Node measures is the whole time between two of its questions, in nanoseconds. */
function secondsLate(betweenNs: number): number {
  return Math.max(0, Math.round(betweenNs / 1e6 - resolutionMs)) / 1000;
}
