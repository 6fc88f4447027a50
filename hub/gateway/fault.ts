// What ended a handshake arrives; whether the agent is to blame leaves, and how loudly it is told.

import { ProtocolError } from '../../shared/errors.ts';
import { HandshakeError } from '../../shared/mux/handshake.ts';

/** A line that breaks, a version from the future, a server that was removed or a hub that fails are no attack. */
export function isPeersFault(error: unknown): boolean {
  if (error instanceof ProtocolError) return true;
  if (!(error instanceof HandshakeError)) return false;
  return error.code === 'handshake.timeout' || error.reason === 'unauthorised';
}

/**
 * Whoever comes and goes without a word is a line that broke, or a stranger who fills the log. An agent that stands by for
 * another with its key knocks for days; of those two the log has heard.
 */
export function logLevelOf(error: unknown): 'debug' | 'info' {
  if (!(error instanceof HandshakeError)) return 'info';
  return error.code === 'handshake.closed' || error.reason === 'replaced' ? 'debug' : 'info';
}
