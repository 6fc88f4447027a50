// The origin's address arrives; a connection to it leaves: TCP, a Unix socket, or TLS whose certificate has been checked before a byte of a visitor goes out.

import { createHash, type X509Certificate } from 'node:crypto';
import { connect, isIP, type OnReadOpts, type Socket } from 'node:net';
import {
  connect as connectTls,
  createSecureContext,
  TLSSocket,
  type SecureContext,
} from 'node:tls';

import type { CertificatePin, OriginAddress } from './origin-address.ts';
import { resolveAfresh } from './dialling/resolve.ts';
import { systemAuthorities } from './authorities.ts';

type SecureAddress = OriginAddress & { kind: 'tls' };

/** The origin shows another certificate than the pinned one. */
export class PinMismatch extends Error {}

export interface DialEvents {
  /** Bytes may go. */
  readonly onReady: () => void;
  /** Never stood, or broke; 'close' of the socket follows. */
  readonly onFailed: (error: Error, wasReady: boolean) => void;
}

export class OriginDial {
  readonly #address: OriginAddress;
  /** Made once, at the first need: it holds every authority of the system, which takes tens of milliseconds. */
  #context: SecureContext | undefined;

  constructor(address: OriginAddress) {
    this.#address = address;
  }

  open(events: DialEvents, onread?: OnReadOpts): Socket {
    const socket = this.#connect(onread);
    let isReady = false;
    socket.once('error', (error) => events.onFailed(error, isReady));
    socket.once(this.#address.kind === 'tls' ? 'secureConnect' : 'connect', () => {
      const mismatch = this.#mismatch(socket);
      isReady = mismatch === undefined;
      if (isReady) events.onReady();
      else socket.destroy(mismatch);
    });
    return socket;
  }

  #connect(onread: OnReadOpts | undefined): Socket {
    const address = this.#address;
    const options = {
      // A media server may answer after the request's end, and a client may send after the answer's.
      allowHalfOpen: true,
      ...(onread !== undefined && { onread }),
    };
    if (address.kind === 'unix') return connect({ path: address.path, ...options });
    const { hostname: host, port } = address;
    const tcp = { host, port, noDelay: true, lookup: resolveAfresh, ...options };
    return address.kind === 'tcp' ? connect(tcp) : this.#connectSecure(address, tcp);
  }

  #connectSecure(address: SecureAddress, tcp: object): TLSSocket {
    this.#context ??= contextFor(address);
    return connectTls({
      ...tcp,
      // The origin's own name, not the visitor's; an address is never sent as one (RFC 6066 §3).
      ...(isIP(address.hostname) === 0 && { servername: address.hostname }),
      ALPNProtocols: ['http/1.1'],
      secureContext: this.#context,
      // A pin is compared below; what else is wrong with a pinned certificate does not count.
      rejectUnauthorized: !('pin' in address.trust),
    });
  }

  #mismatch(socket: Socket): PinMismatch | undefined {
    const address = this.#address;
    if (address.kind !== 'tls' || !('pin' in address.trust)) return undefined;
    const shown = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
    if (shown !== undefined && fitsPin(shown, address.trust.pin)) return undefined;
    return new PinMismatch(`${address.url} shows another certificate than the pinned one`);
  }
}

/**
 * The origin must see an abort as one (RST): after a FIN it would go on making an answer nobody waits for. Only TCP has
 * it; TLS ends without its closing alert, which readers of TLS take for an abort (RFC 8446 §6.1). While a shutdown is
 * under way libuv refuses the reset (EINVAL), and Node then never closes the socket at all.
 */
export function abort(socket: Socket, kind: OriginAddress['kind']): void {
  const isShuttingDown = socket.writableEnded && !socket.writableFinished;
  if (kind !== 'tcp' || socket.connecting || isShuttingDown) socket.destroy();
  else socket.resetAndDestroy();
}

/** What PHLIX_ORIGIN_PIN takes for this certificate's key. */
export function keyPinOf(certificate: X509Certificate): string {
  return `sha256/${digestOfKey(certificate).toString('base64')}`;
}

function fitsPin(certificate: X509Certificate, pin: CertificatePin): boolean {
  const shown = pin.of === 'key' ? digestOfKey(certificate) : sha256(certificate.raw);
  return shown.equals(pin.digest);
}

function digestOfKey(certificate: X509Certificate): Buffer {
  return sha256(certificate.publicKey.export({ type: 'spki', format: 'der' }));
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}

function contextFor({ trust }: SecureAddress): SecureContext {
  if ('pin' in trust) return createSecureContext();
  return createSecureContext({ ca: [...(trust.authorities ?? []), ...systemAuthorities()] });
}
