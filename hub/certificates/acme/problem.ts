// What an authority refuses with (RFC 8555 §6.7) arrives, or its silence; an error leaves whose message says what to do.

import { CodedError } from '../../../shared/errors.ts';

export type AcmeErrorCode =
  /** Nobody answers, or not in time. */
  | 'acme.unreachable'
  /** Its own TLS certificate is not trusted here. */
  | 'acme.untrusted'
  /** It says that it cannot serve at the moment. */
  | 'acme.unavailable'
  /** One of its limits is reached. `retryAfterMs` says until when, if the authority did. */
  | 'acme.rate-limited'
  /** Something answers, in words that RFC 8555 does not have. */
  | 'acme.bad-answer'
  /** It refuses each nonce that it hands out itself. */
  | 'acme.nonce'
  /** A setting cannot be used. */
  | 'acme.misconfigured'
  /** Its terms are not agreed to. */
  | 'acme.terms'
  /** It wants the account bound to one of its customers (RFC 8555 §7.3.4), or does not know the given one. */
  | 'acme.account-binding'
  /** The address for its messages is refused. */
  | 'acme.contact'
  /** The account is refused, also after a new one was made. */
  | 'acme.account'
  /** The clocks of hub and authority differ too much. */
  | 'acme.clock'
  /** A CAA record forbids it. */
  | 'acme.caa'
  /** It cannot find, in the DNS, what it has to. */
  | 'acme.dns'
  /** It looked for the proof, and found another one, or nobody who answers. */
  | 'acme.not-proved'
  /** It signs no certificate for such a name. */
  | 'acme.rejected-name'
  /** It has no such profile. */
  | 'acme.profile'
  /** It offers no such way of proof for the name. */
  | 'acme.challenge'
  /** It said no, in its own words. */
  | 'acme.refused'
  /** Proof or order are still open when patience ends. */
  | 'acme.unfinished'
  /** What it signed is not what was asked for. */
  | 'acme.wrong-certificate';

/**
 * `wait`: it will be granted later, and asking before makes it worse. `fix`: somebody has to change something first.
 * `transient`: the next attempt may succeed.
 */
export type AcmeFailureKind = 'wait' | 'fix' | 'transient';

export interface AcmeErrorOptions extends ErrorOptions {
  /** The authority's own `Retry-After`. */
  readonly retryAfterMs?: number | undefined;
  readonly problem?: Problem | undefined;
}

export class AcmeError extends CodedError<AcmeErrorCode> {
  readonly kind: AcmeFailureKind;
  /** The authority wants to hear nothing before this is over. It is for the caller to wait, and not while he holds a lease. */
  readonly retryAfterMs: number | undefined;
  readonly problem: Problem | undefined;

  constructor(code: AcmeErrorCode, message: string, options?: AcmeErrorOptions) {
    super(code, message, options);
    this.kind = kinds[code];
    this.retryAfterMs = options?.retryAfterMs;
    this.problem = options?.problem;
  }
}

/** RFC 7807, as RFC 8555 §6.7 uses it. */
export interface Problem {
  /** The last part of its URN: `rateLimited`. Empty: none of ACME's. */
  readonly type: string;
  /** The authority's words, made safe to print. */
  readonly detail: string;
  /** A page to open, for `userActionRequired`. */
  readonly instance: string | undefined;
  /** What is wrong with single names (§6.7.1). */
  readonly subproblems: readonly { readonly name: string; readonly detail: string }[];
}

/** Undefined: this is no problem document. */
export function parseProblem(body: unknown): Problem | undefined {
  if (!isRecord(body)) return undefined;
  const { type, detail, title, instance, subproblems } = body;
  if (typeof type !== 'string' && typeof detail !== 'string') return undefined;
  return {
    type: /^urn:(?:ietf:params:)?acme:error:(\w{1,60})$/.exec(textOf(type))?.[1] ?? '',
    detail: printable(textOf(detail) || textOf(title)),
    instance: webAddress(instance),
    subproblems: Array.isArray(subproblems)
      ? subproblems.slice(0, maxSubproblems).flatMap(parseSubproblem)
      : [],
  };
}

/** Strangers' words in a log or on a terminal: one line, of bounded length, without control characters. */
export function printable(text: string): string {
  const line = text.replaceAll(/[\p{C}\p{Z}]+/gu, ' ').trim();
  return line.length <= maxDetailChars ? line : `${line.slice(0, maxDetailChars)}...`;
}

/** An address that may be shown to a person as a link. */
export function webAddress(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length > maxDetailChars) return undefined;
  const isWeb = /^https?:\/\/[\x21-\x7e]+$/.test(value) && URL.canParse(value);
  return isWeb ? value : undefined;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const kinds: Record<AcmeErrorCode, AcmeFailureKind> = {
  'acme.unreachable': 'transient',
  'acme.untrusted': 'fix',
  'acme.unavailable': 'transient',
  'acme.rate-limited': 'wait',
  'acme.bad-answer': 'transient',
  'acme.nonce': 'transient',
  'acme.misconfigured': 'fix',
  'acme.terms': 'fix',
  'acme.account-binding': 'fix',
  'acme.contact': 'fix',
  'acme.account': 'fix',
  'acme.clock': 'fix',
  'acme.caa': 'fix',
  'acme.dns': 'fix',
  'acme.not-proved': 'fix',
  'acme.rejected-name': 'fix',
  'acme.profile': 'fix',
  'acme.challenge': 'fix',
  'acme.refused': 'fix',
  'acme.unfinished': 'transient',
  'acme.wrong-certificate': 'transient',
};

/** Let's Encrypt's longest, with the address of a page at its end, has some 300. */
const maxDetailChars = 500;
/** An order has a hundred names at most; nobody reads more than a few sentences about them. */
const maxSubproblems = 5;

function parseSubproblem(value: unknown): { name: string; detail: string }[] {
  if (!isRecord(value)) return [];
  const { identifier, detail } = value;
  const name = isRecord(identifier) ? textOf(identifier['value']) : '';
  return [{ name: printable(name), detail: printable(textOf(detail)) }];
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
