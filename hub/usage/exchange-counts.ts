// What befalls exchanges arrives from all their meters; waits that monitoring may read leave, and each first byte for whoever keeps their times.

import { Stalls } from '../../shared/mux/stalls.ts';

export class ExchangeCounts {
  /** Visitors who took no more for a while. */
  readonly viewerStalls = new Stalls();
  /** Bytes that were ahead of a rate. */
  readonly rateStalls = new Stalls();
  /** From the request to the head of the server's own answer. */
  onFirstByte: (seconds: number) => void = () => undefined;
}
