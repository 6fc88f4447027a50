// The names of the hub and its tenants arrive; the fields that every answer of the hub's own name carries leave (security row A-19).

/** Files of the hub itself only; nothing inline, no frame around it, no form to elsewhere. */
export const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "font-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

export type HeaderLines = readonly (readonly [name: string, value: string])[];

const transportLife = 'max-age=31536000';

export function securityHeaders(names: { hubHost: string; tenantDomain: string }): HeaderLines {
  return [
    ['content-security-policy', pagePolicy],
    ['strict-transport-security', transportSecurity(names)],
    ['x-content-type-options', 'nosniff'],
    ['referrer-policy', 'no-referrer'],
    ['cross-origin-opener-policy', 'same-origin'],
    ['cross-origin-resource-policy', 'same-origin'],
    ['origin-agent-cluster', '?1'],
    [
      'permissions-policy',
      'camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=(), publickey-credentials-get=(self), publickey-credentials-create=(self)',
    ],
    ['x-robots-tag', 'none'],
  ];
}

/** Servers whose names lie below the hub's own have owners who decide that for themselves. */
function transportSecurity({
  hubHost,
  tenantDomain,
}: Parameters<typeof securityHeaders>[0]): string {
  const isAboveTenants = tenantDomain === hubHost || tenantDomain.endsWith(`.${hubHost}`);
  return isAboveTenants ? transportLife : `${transportLife}; includeSubDomains`;
}
