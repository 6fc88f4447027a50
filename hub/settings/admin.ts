// The settings of the hub's own guards arrive; where admins may come from, what servers' answers say of TLS, and whom to tell of a hole or of abuse leave.

import { parseLimitedNetwork } from '../../shared/net-address.ts';
import { flag, list, listenAddress, setting } from '../../shared/settings/kinds.ts';

export const adminSettings = {
  HUB_ADMIN_LISTEN: listenAddress().optional(),
  HUB_ADMIN_ALLOW_CIDRS: list(
    {
      expected: 'networks that admins come from, separated by commas',
      remedy:
        'write 192.0.2.7, 10.0.0.0/8 or 2001:db8::/64, with no bits set behind the prefix; /0 is everybody: leave it unset for that',
    },
    parseLimitedNetwork,
  ).optional(),
  HUB_TENANT_HSTS: flag().default(true),
  HUB_ABUSE_CONTACT: setting(
    {
      expected: 'where to report that a server is misused',
      remedy: 'write mailto:abuse@example.org or https://example.org/abuse',
    },
    contact,
  ).optional(),
  HUB_SECURITY_CONTACT: setting(
    {
      expected: 'where to report a hole',
      remedy: 'write mailto:security@example.org or https://example.org/security',
    },
    contact,
  ).optional(),
} as const;

/** RFC 9116 §2.5.3: a URI, and one that somebody reads. */
function contact(text: string): string | undefined {
  const url = URL.parse(text.trim());
  if (url === null || !['mailto:', 'https:', 'tel:'].includes(url.protocol)) return undefined;
  return url.protocol === 'mailto:' && !url.pathname.includes('@') ? undefined : url.href;
}
