// A ClientHello and what the server's owner chose arrive; the kind of key whose certificate the visitor can check leaves. Pure.

import type { KeyKind } from '../certificates/store.ts';
import type { ClientHello } from './client-hello.ts';

/**
 * The owner's choice, unless this visitor could do nothing with it: a television from before elliptic curves gets RSA without
 * anybody having set it, and a device that knows no RSA is not sent away because an owner has televisions.
 */
export function keyKindFor(hello: ClientHello, chosen: KeyKind = 'ecdsa'): KeyKind {
  const other = chosen === 'ecdsa' ? 'rsa' : 'ecdsa';
  return !checks(hello, chosen) && checks(hello, other) ? other : chosen;
}

/**
 * TLS 1.3 chooses the certificate by the signatures alone (RFC 8446 §4.4.2.2); in TLS 1.2 the cipher suite has to name the kind
 * too, and the curve of the key has to be among those known (RFC 8422 §5.1). A hello that names no signatures leaves them to the
 * server.
 */
function checks({ versions, cipherSuites, signatureSchemes, groups }: ClientHello, kind: KeyKind) {
  const isTls13 = versions.includes(tls13);
  const schemes = isTls13 ? schemesOfTls13[kind] : schemesOfTls12[kind];
  if (signatureSchemes?.some((scheme) => schemes.has(scheme)) === false) return false;
  if (isTls13) return true;
  if (kind === 'ecdsa' && groups?.includes(p256) === false) return false;
  return cipherSuites.some((suite) => suites[kind].has(suite));
}

const tls13 = 0x0304;

/** The curve of all ECDSA keys that the hub makes; whoever has a file with another one has visitors who know this one too. */
const p256 = 23;

/** RFC 8446 §4.2.3: the scheme has the curve in it, and PSS is the one way with RSA. */
const schemesOfTls13: Record<KeyKind, ReadonlySet<number>> = {
  ecdsa: new Set([0x0403]),
  rsa: new Set([0x0804, 0x0805, 0x0806]),
};

/** RFC 5246 §7.4.1.4.1, without SHA-1. */
const schemesOfTls12: Record<KeyKind, ReadonlySet<number>> = {
  ecdsa: new Set([0x0403, 0x0503, 0x0603]),
  rsa: new Set([0x0401, 0x0501, 0x0601, ...schemesOfTls13.rsa]),
};

/** Of TLS 1.2, those that the edge speaks (handshake-server.ts). */
const suites: Record<KeyKind, ReadonlySet<number>> = {
  ecdsa: new Set([0xc02b, 0xc02c, 0xcca9]),
  rsa: new Set([0xc02f, 0xc030, 0xcca8]),
};
