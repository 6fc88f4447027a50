// A provider, one of its people and an account arrive; the link between them leaves, before it is kept.

import { randomUUIDv7 } from 'node:crypto';

import type { SsoIdentity } from './identity.ts';
import type { SsoLink } from './link.ts';
import type { Provider } from './provider.ts';

export function linkOf(
  { id: providerId }: Provider,
  { issuer, subject, name }: SsoIdentity,
  accountId: string,
  linkedAt: Date,
): SsoLink {
  return {
    id: randomUUIDv7(),
    accountId,
    providerId,
    issuer,
    subject,
    name,
    givenRole: undefined,
    linkedAt,
    lastUsedAt: undefined,
  };
}
