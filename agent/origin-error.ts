// An error on the way to the origin arrives; what its owner can do about it leaves, in one sentence.

import type { OriginAddress } from './origin-address.ts';
import { PinMismatch } from './origin-dial.ts';

export interface OriginTrouble {
  /** `untrusted`: somebody answers, and nothing is sent to them. */
  readonly state: 'unreachable' | 'untrusted';
  readonly remedy: string;
}

export function explainOriginError(
  address: Pick<OriginAddress, 'url'>,
  error: NodeJS.ErrnoException,
): OriginTrouble {
  const { url } = address;
  if (error instanceof PinMismatch) {
    return {
      state: 'untrusted',
      remedy: `${url} shows another certificate than PHLIX_ORIGIN_PIN names: if you renewed it, set the new pin (\`phlix-agent doctor\` prints it), and if not, find out who answers there`,
    };
  }
  const code = error.code ?? '';
  const trouble = untrusted.get(code);
  if (trouble !== undefined) return { state: 'untrusted', remedy: trouble(url) };
  return { state: 'unreachable', remedy: remedyOf(code)(url) };
}

type Remedy = (url: string) => string;

const stopped: Remedy = (url) =>
  `nothing answers on ${url}: start your media server or set PHLIX_ORIGIN_URL`;

const notTls: Remedy = (url) =>
  `${url} does not speak TLS: write PHLIX_ORIGIN_URL with http://, or with the media server's HTTPS port`;

/** Most often an alert: it knows no such name, wants a certificate, or shares no version. */
const refusedTls: Remedy = (url) =>
  `${url} answers and refuses the TLS handshake: write PHLIX_ORIGIN_URL with the name and the port that the media server's certificate is for, or with http://`;

const unresolved: Remedy = (url) =>
  `the name in ${url} does not resolve: check PHLIX_ORIGIN_URL and this machine's DNS`;

const unreachable = new Map<string, Remedy>([
  ['ENOTFOUND', unresolved],
  ['EAI_AGAIN', unresolved],
  [
    'EACCES',
    (url) =>
      `this user may not open ${url}: let the agent run as a user or group that the media server's socket is open to`,
  ],
  [
    'ENOENT',
    (url) => `there is no socket at ${url}: start your media server or set PHLIX_ORIGIN_URL`,
  ],
  ['ERR_SSL_WRONG_VERSION_NUMBER', notTls],
  ['ERR_SSL_PACKET_LENGTH_TOO_LONG', notTls],
]);

function remedyOf(code: string): Remedy {
  const isAlert = code.startsWith('ERR_SSL_');
  return unreachable.get(code) ?? (isAlert ? refusedTls : stopped);
}

/** Both ways to trust a certificate that no authority of the system vouches for. */
const unknownAuthority: Remedy = (url) =>
  `the certificate of ${url} is signed by nobody this machine trusts: set PHLIX_ORIGIN_CA_FILE to the certificate of its authority, or PHLIX_ORIGIN_PIN to its key (\`phlix-agent doctor\` prints it)`;

const otherName: Remedy = (url) =>
  `the certificate of ${url} is for other names: write PHLIX_ORIGIN_URL with one of them, or set PHLIX_ORIGIN_PIN to its key (\`phlix-agent doctor\` prints it)`;

const outOfDate: Remedy = (url) =>
  `the certificate of ${url} is not valid at ${new Date().toISOString()}: check this machine's clock and renew the certificate, or set PHLIX_ORIGIN_PIN to its key (\`phlix-agent doctor\` prints it)`;

const untrusted = new Map<string, Remedy>([
  ['SELF_SIGNED_CERT_IN_CHAIN', unknownAuthority],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', unknownAuthority],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', unknownAuthority],
  ['UNABLE_TO_GET_ISSUER_CERT', unknownAuthority],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', unknownAuthority],
  ['CERT_SIGNATURE_FAILURE', unknownAuthority],
  ['ERR_TLS_CERT_ALTNAME_INVALID', otherName],
  ['CERT_HAS_EXPIRED', outOfDate],
  ['CERT_NOT_YET_VALID', outOfDate],
]);
