// What ended a link, or kept it from standing, arrives as an error or a goaway; the owner's sentence and its code leave.

import type { IncomingMessage } from 'node:http';

import { ProtocolError } from '../shared/errors.ts';
import { HandshakeError, type HandshakeErrorCode } from '../shared/mux/handshake.ts';
import type { GoawayReason } from '../shared/wire/codes.ts';
import type { Endpoint } from './config.ts';
import { AgentFailure, type AgentFailureCode } from './failure.ts';

/** What the sentences name. */
export interface LinkPlace {
  /** As the owner wrote it: the port of the tunnel is not an address that means anything to them. */
  readonly hubUrl: string;
  readonly identityFile: string;
}

/** The hub answered the upgrade with something else than 101. */
export function upgradeFailure(hub: Endpoint, response: IncomingMessage): AgentFailure {
  const status = response.statusCode ?? 0;
  if (status === 429 || status === 503) {
    return new AgentFailure('link.overloaded', `the hub at ${hub.url} is busy: the agent waits`, {
      retryAfterMs: retryAfterMs(response),
    });
  }
  if (status === 426) {
    return new AgentFailure(
      'tunnel.unbound',
      `a proxy ends TLS in front of ${hub.url}: let the tunnel's port through to the hub untouched`,
    );
  }
  return new AgentFailure(
    'hub.unexpected',
    `${hub.url} answered the tunnel with status ${status}: check that it is a Phlix Hub and up to date`,
  );
}

/** No hub has a reason to keep a home offline for longer; one that says so is not the hub, or not well. */
const maxRetryAfterMs = 10 * 60_000;

/** Retry-After in seconds (RFC 9110 §10.2.3); its other form, a date, would need both clocks to agree. */
export function retryAfterMs(response: IncomingMessage): number | undefined {
  const text = response.headers['retry-after'] ?? '';
  return /^\d{1,6}$/.test(text) ? Math.min(Number(text) * 1000, maxRetryAfterMs) : undefined;
}

/** An error that is not of the handshake stays what it is. */
export function handshakeFailure(place: LinkPlace, error: unknown): unknown {
  if (error instanceof ProtocolError) return goawayFailure(place, 'protocol-error', error);
  if (!(error instanceof HandshakeError)) return error;
  const reason = error.reason ?? reasonOf[error.code];
  const hasWord = error.reason !== undefined || error.code === 'handshake.version';
  return goawayFailure(place, reason, error, hasWord ? error.message : undefined);
}

const reasonOf: Readonly<Record<HandshakeErrorCode, GoawayReason>> = {
  'handshake.refused': 'internal',
  'handshake.version': 'version-unsupported',
  'handshake.timeout': 'ping-timeout',
  'handshake.closed': 'internal',
};

/**
 * What is signed is bound to the connection, and a key that does not match looks the same to the hub whether the key or the
 * connection is another: neither end can tell, so the sentence names the cause that is seen most.
 */
export function reencrypted(otherwise: string): string {
  return `most likely something between the two opens the TLS connection and encrypts it anew (a proxy, a load balancer, a virus scanner): let the hub's port through untouched; or ${otherwise}`;
}

/** What the reason of a goaway, said by either end, means for this agent's owner. */
export function goawayFailure(
  place: LinkPlace,
  reason: GoawayReason,
  cause?: Error,
  word = '',
): AgentFailure {
  const { code, text } = goawayFailures[reason];
  return new AgentFailure(code, text(place, word), { cause });
}

interface Explanation {
  readonly code: AgentFailureCode;
  /** `word`: what the hub said beside the reason, printable; empty when it said nothing. */
  readonly text: (place: LinkPlace, word: string) => string;
}

const goawayFailures: Readonly<Record<GoawayReason, Explanation>> = {
  draining: {
    code: 'link.draining',
    text: ({ hubUrl }) => `the hub at ${hubUrl} restarts: the agent comes back to it`,
  },
  'protocol-error': {
    code: 'link.protocol',
    text: ({ hubUrl }) =>
      `the hub at ${hubUrl} and this agent do not understand each other: update the older of the two`,
  },
  replaced: {
    code: 'link.replaced',
    text: () =>
      'another agent with the same key has taken over this server: stop one of the two; if a state folder was copied, remove the copy and enrol there with a token of its own. Until then this agent stands by: it tries again every 15 to 30 seconds, and serves once the other one is gone',
  },
  revoked: {
    code: 'link.revoked',
    text: ({ hubUrl, identityFile }) =>
      `this server was removed on the hub at ${hubUrl}: to connect it again, delete ${identityFile} and set PHLIX_HUB_ENROLLMENT_TOKEN to a new token`,
  },
  suspended: {
    code: 'link.suspended',
    text: ({ hubUrl }, word) =>
      `whoever runs the hub at ${hubUrl} has suspended this server${word === '' ? '' : `: "${word}"`}; nothing of it was deleted, the agent asks again every few minutes: write to them, and leave it running`,
  },
  rotated: {
    code: 'agent.key-rotated',
    text: ({ identityFile }) =>
      `the key in ${identityFile} was replaced by another one, so this state folder is a copy or comes from an old backup: use the folder that is up to date; if it is lost, delete the file and set PHLIX_HUB_ENROLLMENT_TOKEN to a new token for this server`,
  },
  unauthorised: {
    code: 'link.unauthorised',
    text: ({ hubUrl, identityFile }) =>
      `the hub at ${hubUrl} does not know this agent: ${reencrypted("check that PHLIX_HUB_URL has the name in the hub's HUB_PUBLIC_URL")}; if the hub lost its data, delete ${identityFile} and enrol with a new token`,
  },
  'version-unsupported': {
    code: 'link.version',
    text: ({ hubUrl }, word) =>
      // Doctors split it at the first colon: how it is, and what to do.
      `this agent and the hub at ${hubUrl} share no version of the tunnel${word === '' ? '' : `, for ${word}`}${word.includes(': ') ? '' : ': update the older of the two'}; until then it asks again every few minutes`,
  },
  'ping-timeout': {
    code: 'link.silent',
    text: ({ hubUrl }) => `the hub at ${hubUrl} stopped answering: the agent dials again`,
  },
  overloaded: {
    code: 'link.overloaded',
    text: ({ hubUrl }) => `the hub at ${hubUrl} is busy: the agent waits`,
  },
  internal: {
    code: 'link.lost',
    text: ({ hubUrl }) => `the link to ${hubUrl} broke: the agent dials again`,
  },
};
