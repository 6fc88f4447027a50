// A connection that is not wanted arrives with one last thing to be told; it leaves closed, in a way that lets the other end read it.

import type { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';

/** Reads on for a moment, since closing over unread bytes would reset the connection and lose what was said. */
export function dismiss(socket: Socket, lastWords: Buffer): void {
  socket.resume();
  socket.end(lastWords);
  const deadline = setTimeout(() => socket.destroy(), 1000);
  socket.once('close', () => clearTimeout(deadline));
}
