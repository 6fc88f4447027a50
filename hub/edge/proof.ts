// What the edge needs of whoever proves to an authority that a name is ours, and which requests are that authority's alone.

import type { SecureContext } from 'node:tls';

import { loosePath, looseText } from './denied/loose-path.ts';

export interface EdgeProofs {
  /** The body of an http-01 answer (RFC 8555 §8.3); undefined unless it is a token of ours, for this very name. */
  ofToken(hostname: string, token: string): Promise<string | undefined>;
  /** For a handshake of `acme-tls/1` (RFC 8737); undefined unless a challenge of ours is open for the name. */
  ofName(hostname: string): Promise<SecureContext | undefined>;
}

/** Where nothing has to be proved. */
export const noProofs: EdgeProofs = {
  ofToken: async () => undefined,
  ofName: async () => undefined,
};

/** The token, if the target is written as authorities write it. */
export function challengeToken(target: string): string | undefined {
  return target.startsWith(challengePath) ? target.slice(challengePath.length) : undefined;
}

/**
 * A tenant that could answer there would get certificates of its own for a name that it may lose (security row D-08): such a
 * target is never passed on, however it is written.
 */
export function isChallengeTarget(target: string): boolean {
  if (!suspicious.test(target)) return false;
  const { words, climbs, mayNameHost } = loosePath(looseText(target));
  const [wellKnown, challenge] = ['.well-known', 'acme-challenge'];
  if (!climbs && !mayNameHost) return words[0] === wellKnown && words[1] === challenge;
  const at = words.indexOf(wellKnown);
  return at >= 0 && words.indexOf(challenge, at) >= 0;
}

const challengePath = '/.well-known/acme-challenge/';

/** Most targets are told apart by this alone: whoever hides the word needs an escape, or letters that are not ASCII. */
const suspicious = /acme|%|[^ -~]/i;
