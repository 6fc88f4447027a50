// An authenticated agent's pipe arrives; a link for the registry leaves, that opens streams to the agent until it ends.

import { Buffer } from 'node:buffer';

import type { FramePipe } from '../../shared/mux/frame-pipe.ts';
import { Session, type SessionEnd } from '../../shared/mux/session.ts';
import type { GoawayReason } from '../../shared/wire/codes.ts';
import type { Hello, Welcome } from '../../shared/wire/hello.ts';
import type { TunnelLink, TunnelStream } from '../tunnels/registry.ts';

export interface AgentLinkOptions {
  readonly agentId: string;
  readonly epoch: bigint;
  readonly hello: Hello;
  readonly welcome: Welcome;
  readonly maxStreams: number;
  /** The agent takes no more streams: it should no longer be found. */
  readonly onRetired: () => void;
  /** Called once. */
  readonly onClosed: (end: SessionEnd) => void;
}

export class AgentLink implements TunnelLink {
  readonly agentId: string;
  readonly epoch: bigint;
  readonly #session: Session;

  constructor(pipe: FramePipe, options: AgentLinkOptions) {
    this.agentId = options.agentId;
    this.epoch = options.epoch;
    this.#session = new Session(pipe, {
      role: 'acceptor',
      receiveWindowBytes: options.welcome.initialWindowBytes,
      sendWindowBytes: options.hello.initialWindowBytes,
      pingIntervalMs: options.welcome.pingIntervalMs,
      pingDeadlineMs: options.welcome.pingDeadlineMs,
      maxStreams: options.maxStreams,
      // No onStream: an agent that opens one breaks the protocol (security row D-04).
      onGoaway: options.onRetired,
      onClosed: options.onClosed,
    });
  }

  get streamCount(): number {
    return this.#session.streamCount;
  }

  openStream(): TunnelStream {
    return this.#session.openStream();
  }

  end(reason: GoawayReason): void {
    this.#session.goaway(reason);
  }

  announce(addresses: readonly string[]): void {
    this.#session.notice(Buffer.from(JSON.stringify({ addresses })));
  }

  destroy(): void {
    this.#session.destroy();
  }
}
