// An address of the hub's name arrives; what answers there leaves: a certificate, or why there is none.

import type { X509Certificate } from 'node:crypto';
import { connect as connectTcp } from 'node:net';
import { connect } from 'node:tls';

export type Answer =
  | {
      readonly kind: 'certificate';
      /** SHA-256 of the certificate. */
      readonly fingerprint: string;
      readonly subject: string;
      readonly issuer: string;
    }
  /** `refused`: nobody listens there. `silent`: packets get lost. `unroutable`: this machine has no way there. `no-tls`: something that speaks otherwise. */
  | { readonly kind: 'refused' | 'silent' | 'unroutable' | 'no-tls'; readonly reason: string };

export interface KnockPlace {
  readonly address: string;
  readonly port: number;
  readonly serverName: string;
}

/** A hub that is its own neighbour answers at once; a firewall that drops never does. */
const timeoutMs = 4000;

/** Nothing is trusted that is seen: it is only compared. */
export function knock({ address, port, serverName }: KnockPlace): Promise<Answer> {
  return new Promise((resolve) => {
    let isReached = false;
    const tcp = connectTcp({ host: address, port }, () => {
      isReached = true;
    });
    const socket = connect({
      socket: tcp,
      servername: serverName,
      ALPNProtocols: ['http/1.1'],
      rejectUnauthorized: false,
    });
    const done = (answer: Answer): void => {
      clearTimeout(timer);
      socket.destroy();
      tcp.destroy();
      resolve(answer);
    };
    const timer = setTimeout(
      () =>
        done({
          kind: isReached ? 'no-tls' : 'silent',
          reason: `no answer for ${timeoutMs / 1000} s`,
        }),
      timeoutMs,
    );
    const fail = (error: NodeJS.ErrnoException): void => done(failed(error, isReached));
    tcp.on('error', fail);
    socket.on('error', fail);
    socket.on('close', () => fail(new Error('the connection was closed')));
    socket.once('secureConnect', () => {
      const shown = socket.getPeerX509Certificate();
      if (shown === undefined) fail(new Error('no certificate was shown'));
      else done(answerOf(shown));
    });
  });
}

function answerOf(shown: X509Certificate): Answer {
  const { fingerprint256: fingerprint } = shown;
  return {
    kind: 'certificate',
    fingerprint,
    subject: oneLine(shown.subjectAltName ?? shown.subject),
    issuer: oneLine(shown.issuer),
  };
}

function failed({ code = '', message }: NodeJS.ErrnoException, isReached: boolean): Answer {
  const reason = code || message;
  if (isReached) return { kind: 'no-tls', reason };
  if (code === 'ECONNREFUSED') return { kind: 'refused', reason };
  if (code === 'ENETUNREACH' || code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT')
    return { kind: 'unroutable', reason };
  return { kind: 'silent', reason };
}

/** Certificates of strangers say anything, at any length. */
function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ', ').slice(0, 200);
}
