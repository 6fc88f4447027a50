// Cookie lines arrive; the hub's own cookies leave, each once, or a refusal; a change of one leaves as a Set-Cookie line (security rows ).

/** What each is for: hub/accounts. All of them begin with `__Host-`, so that no sibling of the hub's name can plant one. */
const cookieNames = ['phlix_session', 'phlix_login', 'phlix_tb', 'phlix_dc', 'phlix_oidc'] as const;

export type CookieName = (typeof cookieNames)[number];

export interface CookieChange {
  readonly name: CookieName;
  /** Undefined: the browser shall forget it. */
  readonly value: string | undefined;
  /** Left out: until the browser is closed. */
  readonly maxAgeMs?: number;
}

const prefix = '__Host-';
/** The longest of ours is a selector with its validator, 70 characters. */
const maxValueLength = 512;

/**
 * Undefined when one name stands there twice: one of the two was planted, and nobody knows which. What has no prefix could be
 * anybody's and is not looked at.
 */
export function ownCookies(lines: readonly string[]): ReadonlyMap<CookieName, string> | undefined {
  const seen = new Set<string>();
  const own = new Map<CookieName, string>();
  for (const pair of lines.flatMap((line) => line.split(';'))) {
    const equals = pair.indexOf('=');
    const name = pair.slice(0, Math.max(0, equals)).trim();
    // Browsers compare the prefix without regard to case (RFC 6265bis §4.1.3.2), and so must whoever counts.
    if (name.slice(0, prefix.length).toLowerCase() !== prefix.toLowerCase()) continue;
    if (seen.has(name.toLowerCase())) return undefined;
    seen.add(name.toLowerCase());
    const known = cookieNames.find((word) => name === `${prefix}${word}`);
    const value = pair.slice(equals + 1).trim();
    if (known !== undefined && value.length <= maxValueLength) own.set(known, value);
  }
  return own;
}

export function setCookieLine({ name, value, maxAgeMs }: CookieChange): string {
  if (value !== undefined && !/^[\w.~+/=-]+$/.test(value))
    throw new TypeError(`the value of ${name} would break its line`);
  const seconds = value === undefined ? 0 : maxAgeMs && Math.floor(maxAgeMs / 1000);
  const life = seconds === undefined ? '' : `; Max-Age=${seconds}`;
  return `${prefix}${name}=${value ?? ''}; Path=/; Secure; HttpOnly; SameSite=Lax${life}`;
}
