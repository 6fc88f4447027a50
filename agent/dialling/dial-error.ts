// An error of Node or OpenSSL arrives; what it means for the owner leaves: one sentence, one remedy.

import type { Endpoint } from '../config.ts';
import { AgentFailure, type AgentFailureCode } from '../failure.ts';

interface Explanation {
  readonly code: AgentFailureCode;
  readonly text: (hub: Endpoint) => string;
}

export function explainDialError(hub: Endpoint, error: NodeJS.ErrnoException): AgentFailure {
  const known = explanations.get(error.code ?? '');
  const { code, text } = known ?? {
    code: 'hub.unreachable',
    text: () =>
      `the connection to ${hub.url} failed (${error.code ?? error.message}): check that the hub runs and that this machine reaches it`,
  };
  return new AgentFailure(code, text(hub), { cause: error });
}

const unresolved: Explanation = {
  code: 'hub.unresolved',
  text: (hub) =>
    `the name ${hub.hostname} does not resolve: check PHLIX_HUB_URL and this machine's DNS`,
};

const outOfDate: Explanation = {
  code: 'hub.certificate',
  text: (hub) =>
    `the certificate of ${hub.url} is not valid at ${new Date().toISOString()}: check this machine's clock, then the hub's certificate`,
};

const untrusted: Explanation = {
  code: 'hub.certificate',
  text: (hub) =>
    `the certificate of ${hub.url} is signed by nobody this agent trusts: set PHLIX_HUB_CA_FILE to the certificate of the hub's authority, or find out who answers in the hub's place`,
};

const unknownName: Explanation = {
  code: 'hub.certificate',
  text: (hub) =>
    `the hub at ${hub.url} has no certificate for ${hub.hostname}: one that has just been set up gets its first within minutes, and this agent goes on trying; otherwise write PHLIX_HUB_URL as the hub's HUB_PUBLIC_URL`,
};

const notTls: Explanation = {
  code: 'hub.certificate',
  text: (hub) =>
    `${hub.url} does not speak TLS 1.3: check the port in PHLIX_HUB_URL, and that no proxy ends TLS in front of the hub`,
};

const explanations = new Map<string, Explanation>([
  ['ENOTFOUND', unresolved],
  ['EAI_AGAIN', unresolved],
  ['EAI_NODATA', unresolved],
  [
    'ECONNREFUSED',
    {
      code: 'hub.unreachable',
      text: (hub) =>
        `nothing listens on ${hub.hostname} port ${hub.port}: start the hub, or check PHLIX_HUB_URL`,
    },
  ],
  ['CERT_HAS_EXPIRED', outOfDate],
  ['CERT_NOT_YET_VALID', outOfDate],
  [
    'ERR_TLS_CERT_ALTNAME_INVALID',
    {
      code: 'hub.certificate',
      text: (hub) =>
        `the certificate at ${hub.url} is for other names: check PHLIX_HUB_URL, or find out who answers in the hub's place`,
    },
  ],
  ['SELF_SIGNED_CERT_IN_CHAIN', untrusted],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', untrusted],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', untrusted],
  ['UNABLE_TO_GET_ISSUER_CERT', untrusted],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', untrusted],
  ['CERT_SIGNATURE_FAILURE', untrusted],
  // Alert 112, and what a server without a certificate for the name sends instead.
  ['ERR_SSL_TLSV1_UNRECOGNIZED_NAME', unknownName],
  ['ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE', unknownName],
  ['ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE', unknownName],
  ['ERR_SSL_WRONG_VERSION_NUMBER', notTls],
  ['ERR_SSL_PACKET_LENGTH_TOO_LONG', notTls],
  ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', notTls],
]);
