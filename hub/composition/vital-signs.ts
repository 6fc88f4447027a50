// A hub begins; what is noted of its life from then on stands here: whether it is ready, how its links fare, and the door where monitoring asks.

import type { Readiness } from './readiness.ts';
import type { MetricsListener } from '../../shared/telemetry/metrics-listener.ts';
import { SendStalls } from '../../shared/mux/stalls.ts';
import { LinkMetrics } from '../telemetry/link-metrics.ts';

export class VitalSigns {
  readonly readiness: Readiness;
  readonly links = new LinkMetrics();
  /** Of what is sent to agents. */
  readonly stalls = new SendStalls();
  #listener: MetricsListener | undefined;

  constructor(readiness: Readiness) {
    this.readiness = readiness;
  }

  /** Until `close`: a hub that drains is asked how it is, too. */
  async serve(listener: MetricsListener): Promise<void> {
    this.#listener = listener;
    await listener.start();
  }

  close(): void {
    this.#listener?.stop();
  }
}
