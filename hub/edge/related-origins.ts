// A target arrives; whether a browser asks by it which other sites may use this host's passkeys leaves (WebAuthn Level 3 §5.11).

/**
 * Nobody may, on the hub's name or a tenant's: whoever answers there lends the host's passkeys to another site (security row
 * Browsers write it in this one way.
 */
export function asksForRelatedOrigins(target: string): boolean {
  return target === path || target.startsWith(`${path}?`);
}

const path = '/.well-known/webauthn';
