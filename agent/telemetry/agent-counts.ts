// What passes through an agent is counted here as it happens; numbers leave for monitoring, if anybody asks. Nothing here allocates per piece.

import { SendStalls } from '../../shared/mux/stalls.ts';
import type { ResetReason } from '../../shared/wire/codes.ts';
import { verdicts } from '../supervise.ts';

/** What a stream to the media server is reset for (origin.ts). */
const originFailures: readonly ResetReason[] = [
  'origin-unreachable',
  'origin-untrusted',
  'origin-timeout',
  'origin-closed',
];

export class AgentCounts {
  /** To the media server. */
  bytesUp = 0;
  /** To visitors. */
  bytesDown = 0;
  /** Streams that the hub opened. */
  streams = 0;
  linksOpened = 0;
  /** There was a link once, then none, and now there is one again. */
  reconnects = 0;
  /** What bytes for the hub waited for. */
  readonly stalls = new SendStalls();
  /** Both by closed lists of codes, each of which is there before it has happened: so monitoring sees it grow. */
  readonly linkFailures = new Map<string, number>(Object.keys(verdicts).map((code) => [code, 0]));
  readonly originFailures = new Map<string, number>(originFailures.map((reason) => [reason, 0]));
  /** From the beginning of a stream to the media server's first byte on it. */
  onFirstByte: (seconds: number) => void = () => undefined;
  #wasConnected = false;

  /** `isOnly`: there was none. */
  linkUp(isOnly: boolean): void {
    this.linksOpened += 1;
    if (isOnly && this.#wasConnected) this.reconnects += 1;
    this.#wasConnected = true;
  }

  linkFailed(code: string): void {
    this.linkFailures.set(code, (this.linkFailures.get(code) ?? 0) + 1);
  }

  originFailed(reason: string): void {
    this.originFailures.set(reason, (this.originFailures.get(reason) ?? 0) + 1);
  }
}
