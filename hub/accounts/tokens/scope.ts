// What a token may be used for is named here: a closed list, and which of them an account of some role may give away (security row A-16).

/**
 * Nothing here reaches factors, passwords, roles, keys, gates or tokens: an operation without a scope is closed to every
 * token, whatever it holds.
 */
export const scopes = [
  'servers:read',
  'servers:write',
  'usage:read',
  'audit:read',
  'account:read',
  'account:write',
  'admin:read',
  'admin:write',
] as const;

export type Scope = (typeof scopes)[number];

/** What a device gets that was paired by code: it shows servers and plays (security row A-09). */
export const deviceScopes: readonly Scope[] = ['servers:read'];

const adminScopes: ReadonlySet<Scope> = new Set(['audit:read', 'admin:read', 'admin:write']);

/** An admin who becomes an owner leaves tokens behind; this is asked at each use, not only when one is made. */
export function mayHold(role: 'admin' | 'owner' | 'member', scope: Scope): boolean {
  return role === 'admin' || !adminScopes.has(scope);
}

export function isScope(text: string): text is Scope {
  return (scopes as readonly string[]).includes(text);
}
