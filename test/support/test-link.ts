// What the registry is told arrives; what it did to the link is there to be read.

import type { TunnelLink, TunnelStream } from '../../hub/tunnels/tunnel.ts';
import type { GoawayReason } from '../../shared/wire/codes.ts';

let admissions = 0n;

/** A link that carries nothing and remembers what it was told. */
export class TestLink implements TunnelLink {
  readonly agentId: string;
  readonly epoch: bigint;
  readonly slot: number;
  readonly admission: bigint;
  readonly address = '203.0.113.7';
  readonly originProtocol = 'http/1.1';
  readonly streamCount = 0;
  isMoving = false;
  isLeaving = false;
  readonly inFlightBytes = 0;
  readonly retired = new AbortController().signal;
  readonly ended: GoawayReason[] = [];
  readonly announced: (readonly string[])[] = [];
  checkups = 0;

  constructor(agentId: string, place: { epoch?: bigint; slot?: number } = {}) {
    this.agentId = agentId;
    this.epoch = place.epoch ?? 1n;
    this.slot = place.slot ?? 0;
    this.admission = ++admissions;
  }

  openStream(): TunnelStream {
    throw new Error('a link of a test carries nothing');
  }

  end(reason: GoawayReason): void {
    this.ended.push(reason);
  }

  askToMove(): void {
    this.isMoving = true;
  }

  askToCheckUp(): void {
    this.checkups += 1;
  }

  announce(addresses: readonly string[]): void {
    this.announced.push(addresses);
  }
}
