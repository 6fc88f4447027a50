// The text of an enrolment token, made by the hub and pasted into the agent, arrives or leaves here (security row D-01).

import { CodedError } from './errors.ts';

/** Why a text is no enrolment token. The sentence says what was seen, never the token itself. */
export class EnrolmentTokenError extends CodedError<'enrol.token-malformed'> {}

export interface EnrolmentToken {
  /** Eight base62 characters: names the token in the hub's table. */
  readonly id: string;
  /** 43 base64url characters: 256 bits. The hub keeps its hash only. */
  readonly secret: string;
  /** base64url SHA-256 of the SubjectPublicKeyInfo of the hub's local CA; undefined when the hub's certificate is a public one. */
  readonly caFingerprint: string | undefined;
}

const prefix = 'phe_';
export const tokenIdLength = 8;
/** 32 bytes in base64url without padding, both for the secret and for the fingerprint. */
const digestLength = 43;
const plainLength = prefix.length + tokenIdLength + digestLength;
const pinnedLength = plainLength + 1 + digestLength;

export function formatEnrolmentToken(token: EnrolmentToken): string {
  const plain = `${prefix}${token.id}${token.secret}`;
  return token.caFingerprint === undefined ? plain : `${plain}.${token.caFingerprint}`;
}

/**
 * Cuts the text by length: base64url may contain every character that could have served as a separator.
 * @throws EnrolmentTokenError enrol.token-malformed
 */
export function parseEnrolmentToken(text: string): EnrolmentToken {
  if (!text.startsWith(prefix)) {
    throw malformed(`it does not begin with ${prefix}`);
  }
  if (text.length !== plainLength && text.length !== pinnedLength) {
    throw malformed(
      `it has ${text.length} characters instead of ${plainLength} or ${pinnedLength}`,
    );
  }
  const idEnd = prefix.length + tokenIdLength;
  const id = text.slice(prefix.length, idEnd);
  const secret = text.slice(idEnd, plainLength);
  const rest = text.slice(plainLength);
  if (!/^[0-9A-Za-z]+$/.test(id) || !isBase64url(secret)) {
    throw malformed('it holds characters that no token has');
  }
  if (rest === '') {
    return { id, secret, caFingerprint: undefined };
  }
  const caFingerprint = rest.slice(1);
  if (!rest.startsWith('.') || !isBase64url(caFingerprint)) {
    throw malformed('the part behind its dot is no fingerprint');
  }
  return { id, secret, caFingerprint };
}

function isBase64url(text: string): boolean {
  return /^[0-9A-Za-z_-]+$/.test(text);
}

function malformed(what: string): EnrolmentTokenError {
  return new EnrolmentTokenError(
    'enrol.token-malformed',
    `this is not a whole enrolment token: ${what}. Copy the line that "phlix-hub enrol-token create" printed, or make a new one.`,
  );
}
