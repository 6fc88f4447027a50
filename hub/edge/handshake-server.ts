// Certificates and what each server's owner chose arrive; a TLS server leaves that never listens: the listener hands it connections whose name is known.

import { constants } from 'node:crypto';
import { createServer, type Server } from 'node:tls';

import type { CertificateSource, KeyKind } from '../certificates/store.ts';
import { parseHostname } from './authority.ts';
import type { TlsSwitches } from './connection.ts';

export interface HandshakeServerOptions {
  readonly certificates: CertificateSource;
  /** Undefined for a name that is no server's: the usual. */
  readonly switchesOf: (hostname: string) => TlsSwitches | undefined;
  readonly limits: { readonly handshakeTimeoutMs: number };
}

/**
 * For connections whose visitors are to be shown this kind of key, where there is one. What is not decided here, by name, holds
 * for every certificate. Tickets need `setTicketKeys`.
 */
export function createHandshakeServer(
  options: HandshakeServerOptions,
  { kind, prefersHttp2 }: { readonly kind: KeyKind; readonly prefersHttp2: boolean },
): Server {
  const { certificates, switchesOf, limits } = options;
  return createServer({
    // A higher floor is the listener's to hold: it has read the versions of the hello.
    minVersion: 'TLSv1.2',
    ciphers,
    ecdhCurve: groups,
    honorCipherOrder: true,
    // The visitor's chip decides between AES and ChaCha20: phones without AES instructions put ChaCha20 first.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_PRIORITIZE_CHACHA,
    handshakeTimeout: limits.handshakeTimeoutMs,
    // The name is the visitor's; whatever it is, this must not throw (CVE-2026-21637).
    SNICallback: (serverName, answer) => {
      answer(null, certificates.find(hostnameOf(serverName), kind)?.context);
    },
    ALPNCallback: ({ servername, protocols }) => {
      const speaksHttp1 = protocols.includes('http/1.1');
      const offersHttp2 = switchesOf(hostnameOf(servername))?.http2 !== false;
      const isHttp2 = offersHttp2 && protocols.includes('h2') && (prefersHttp2 || !speaksHttp1);
      if (isHttp2) return 'h2';
      // Of whoever offers no more than 1.0 it is the name of what he speaks; the messages are the same.
      return ['http/1.1', 'http/1.0'].find((protocol) => protocols.includes(protocol));
    },
  });
}

/** Node types it as a string; it is `false` where a hello has no name, as the second one of a stranger may not. */
export function hostnameOf(serverName: string | false | undefined): string {
  return (typeof serverName === 'string' ? parseHostname(serverName) : undefined) ?? '';
}

/**
 * Elliptic curves, the first of them with a lattice beside it against later quantum computers. OpenSSL's own list also has
 * finite fields, whose exponentiation costs us many times what it costs whoever asks for it (the D(HE)at attack).
 */
const groups = 'X25519MLKEM768:X25519:P-256:P-384:P-521';

/**
 * Forward secret and authenticated only. AES-128 first: as safe in practice, and the fastest where AES is in hardware. The
 * certificate decides between ECDSA and RSA.
 */
const ciphers = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');
