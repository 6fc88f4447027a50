// The names of the hub and of its tenants arrive; whether browsers take them for one site leaves (security.md, section 0).

import { getDomain } from 'tldts';

/** Domains where strangers get names of their own count as suffixes: there, neighbours are strangers. */
const rules = { allowPrivateDomains: true } as const;

/**
 * A tenant that is same-site with the hub can plant cookies there, and send requests with those of the hub. The guards of
 * the API hold in any case; two registrable domains take away what they have to hold against.
 */
export function isSameSite(names: { hubHost: string; tenantDomain: string }): boolean {
  return siteOf(names.hubHost) === siteOf(`tenant.${names.tenantDomain}`);
}

/** A name that is a suffix itself is a site of its own. */
function siteOf(hostname: string): string {
  return getDomain(hostname, rules) ?? hostname;
}
