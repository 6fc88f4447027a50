// What a provider said about a person arrives; which role that gives here, and whether two factors were asked for, leaves (row A-06).

import type { Role } from '../account.ts';
import type { SsoIdentity } from './identity.ts';
import type { Provider } from './provider.ts';

export function isMultiFactor({ mfa }: Pick<Provider, 'mfa'>, identity: SsoIdentity): boolean {
  const { acr, amr } = identity;
  return (acr !== undefined && mfa.acr.includes(acr)) || amr.some((word) => mfa.amr.includes(word));
}

/**
 * The highest that one of the groups gives: admin only with a second factor. Undefined: none does, so the account keeps what it
 * was given here.
 */
export function roleFor(
  provider: Pick<Provider, 'roleMap' | 'mfa'>,
  identity: SsoIdentity,
): Role | undefined {
  const { roleMap } = provider;
  const isIn = (groups: readonly string[]) =>
    identity.groups.some((group) => groups.includes(group));
  if (isIn(roleMap.admin) && isMultiFactor(provider, identity)) return 'admin';
  if (isIn(roleMap.owner)) return 'owner';
  return isIn(roleMap.member) ? 'member' : undefined;
}

const ranks: Readonly<Record<Role, number>> = { admin: 2, owner: 1, member: 0 };

/**
 * What groups gave, they take back; what was given here, they leave, and raise where they give more. `givenBefore`: what they
 * gave at the last sign-in.
 */
export function settledRole(
  current: Role,
  { given, givenBefore }: { given: Role | undefined; givenBefore: Role | undefined },
): { readonly role: Role; readonly givenRole: Role | undefined } {
  const isByGroups = givenBefore !== undefined && givenBefore === current;
  if (given === undefined) return { role: isByGroups ? 'member' : current, givenRole: undefined };
  const isOwnWord = !isByGroups && ranks[current] >= ranks[given];
  return isOwnWord ? { role: current, givenRole: undefined } : { role: given, givenRole: given };
}
