// Claims of an ID token and of userinfo arrive, their signature and subject checked; an identity leaves that holds nothing which was only claimed by its form.

import type { SsoIdentity } from './identity.ts';
import type { Provider } from './provider.ts';

export type Claims = Readonly<Record<string, unknown>>;

/** A person in more groups than this is in a directory that sends all it has. */
const maxGroups = 500;
const maxTextLength = 320;

export function identityOf(
  provider: Pick<Provider, 'id' | 'name' | 'groupsClaim'>,
  idToken: Claims & { readonly iss: string; readonly sub: string },
  userinfo: Claims | undefined,
): SsoIdentity {
  // An address and the word that it is verified count together only if one document says both.
  const source = textOf(idToken['email']) === undefined ? (userinfo ?? {}) : idToken;
  return {
    providerId: provider.id,
    providerName: provider.name,
    issuer: idToken.iss,
    subject: idToken.sub,
    name: nameOf(idToken) ?? (userinfo && nameOf(userinfo)),
    email: textOf(source['email']),
    isEmailVerified: source['email_verified'] === true,
    groups: groupsOf(idToken[provider.groupsClaim] ?? userinfo?.[provider.groupsClaim]),
    // How and when somebody proved himself is said by the signed token alone.
    acr: textOf(idToken['acr']),
    amr: wordsOf(idToken['amr']),
    authenticatedAt: timeOf(idToken['auth_time']),
    sid: textOf(idToken['sid']),
  };
}

function nameOf(claims: Claims): string | undefined {
  return textOf(claims['preferred_username']) ?? textOf(claims['name']);
}

function textOf(value: unknown): string | undefined {
  const isText = typeof value === 'string' && value !== '' && value.length <= maxTextLength;
  return isText ? value : undefined;
}

function wordsOf(value: unknown): string[] {
  return Array.isArray(value)
    ? value.flatMap((word) => textOf(word) ?? []).slice(0, maxGroups)
    : [];
}

/** Some send a single group as a text. */
function groupsOf(value: unknown): string[] {
  return typeof value === 'string' ? wordsOf([value]) : wordsOf(value);
}

function timeOf(value: unknown): Date | undefined {
  const isTime = typeof value === 'number' && Number.isFinite(value) && value > 0;
  return isTime ? new Date(value * 1000) : undefined;
}
