// What an operator calls his hub and his servers arrives; their names leave, in lower case, or what cannot be one.

import { isIP } from 'node:net';

import type { SettingProblem } from '../../shared/settings/settings.ts';
import { setting } from '../../shared/settings/kinds.ts';
import { parseHostname } from '../edge/authority.ts';

export const publicUrl = setting(
  {
    expected: "the hub's address: https://, a name, and at most a port",
    remedy: 'write https://hub.example.org (TLS needs a name; an IP address has none)',
  },
  (text) => {
    const url = URL.parse(text);
    if (url?.protocol !== 'https:' || url.href !== `${url.origin}/`) return undefined;
    return domainNameOf(url.hostname) === url.hostname ? url : undefined;
  },
);

export const tenantDomain = setting(
  {
    expected: 'a domain of at least two labels, under which servers get their names',
    remedy: 'write films.example.org, without https:// and without a star',
  },
  (text) => {
    const domain = domainNameOf(text);
    // A label of 63 characters and its dot have to fit before it; browsers match no wildcard under a single label.
    return domain !== undefined && domain.includes('.') && domain.length <= 189
      ? domain
      : undefined;
  },
);

/** Lower case, without the root's dot; undefined for an address and for whatever else is none. */
export function domainNameOf(text: string): string | undefined {
  const hostname = parseHostname(text);
  return hostname === undefined || isIP(hostname) !== 0 ? undefined : hostname;
}

export function nameProblems(hubHost: string, domain: string): SettingProblem[] {
  if (hubHost !== domain) return [];
  return [
    {
      name: 'HUB_TENANT_DOMAIN',
      expected: `a domain other than the hub's own name, ${hubHost}, whose cookies servers must not see`,
      remedy: 'choose another domain for servers, best one of its own',
    },
  ];
}
