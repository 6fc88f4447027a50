// The port under a session: an ordered pipe of bytes. A WebSocket is one, a pair in memory another.

import type { Buffer } from 'node:buffer';

/** How much of its bytes a link may have dealt with before others get their turn. */
export interface Turn {
  framesLeft: number;
  /** Bytes behind the last frame that was allowed; whoever brought them brings them again. */
  rest: Buffer | undefined;
}

/**
 * Carries bytes both ways, in order, whole or not at all. Chunk boundaries have no meaning.
 * The session bounds what it hands over (its link window, and an end when twice that is not written), so a transport needs no high-water mark of its own.
 */
export interface Transport {
  /** Takes the chunk over; it must not change until `written` is called (also called when the transport fails). */
  send(chunk: Buffer, written?: () => void): void;
  /** Lets the peer read what was sent, then closes. */
  close(): void;
  /** Drops the connection now; `onClosed` follows. */
  destroy(error?: Error): void;
  /** Set once by the owner, before the first turn of the event loop ends. Without a turn the chunk is taken whole. */
  onChunk: (chunk: Buffer, turn?: Turn) => void;
  /** Called exactly once, whatever ended it. */
  onClosed: (error: Error | undefined) => void;
}
