// A connection that offers `acme-tls/1` arrives; it gets the proof of a challenge of ours and is closed, or is refused. No byte of it is ever passed on.

import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { TLSSocket, type SecureContext } from 'node:tls';

import type { ClientHello } from './client-hello.ts';
import { dismiss } from './last-words.ts';
import type { EdgeProofs } from './proof.ts';

/** RFC 8737 §6.2. */
const proofProtocol = 'acme-tls/1';

/** Alone in its list, as RFC 8737 §3 has it; beside others it is only a protocol that is not spoken here. */
export function wantsProof({ protocols }: ClientHello): boolean {
  return protocols.length === 1 && protocols[0] === proofProtocol;
}

export interface ProofHandshakeOptions {
  readonly proofs: EdgeProofs;
  readonly limits: { readonly handshakeTimeoutMs: number };
}

/** `firstBytes`: the hello. The socket has an error handler and is closed in any case. */
export function answerWithProof(
  socket: Socket,
  firstBytes: Buffer,
  serverName: string | undefined,
  { proofs, limits }: ProofHandshakeOptions,
): void {
  const deadline = setTimeout(() => socket.destroy(), limits.handshakeTimeoutMs);
  socket.once('close', () => clearTimeout(deadline));
  socket.pause();
  void contextFor(proofs, serverName).then((context) => {
    if (socket.destroyed) return;
    if (context === undefined) return dismiss(socket, noApplicationProtocol);
    socket.unshift(firstBytes);
    // A turn later, as for every TLS connection: the handle changes hands.
    setImmediate(shakeHands, socket, context);
  });
}

/** What is wrong with the store is wrong for everybody, and is said elsewhere: to this client there is no proof. */
async function contextFor(
  proofs: EdgeProofs,
  serverName: string | undefined,
): Promise<SecureContext | undefined> {
  if (serverName === undefined) return undefined;
  return proofs.ofName(serverName).catch(() => undefined);
}

function shakeHands(socket: Socket, context: SecureContext): void {
  if (socket.destroyed) return;
  const secure = new TLSSocket(socket, {
    isServer: true,
    secureContext: context,
    ALPNProtocols: [proofProtocol],
  });
  secure.on('error', () => socket.destroy());
  // The certificate was all that was wanted (RFC 8737 §3).
  secure.once('secure', () => secure.end());
}

/** Fatal alert 120 (RFC 7301 §3.2). */
const noApplicationProtocol = Buffer.from('15030300020278', 'hex');
