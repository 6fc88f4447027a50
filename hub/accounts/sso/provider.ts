// An identity provider as an admin set it up leaves here, checked; its client secret stays sealed. The store in hub/db/sso implements the port.

import type { Buffer } from 'node:buffer';

import { NetAddressError, parseLimitedNetwork } from '../../../shared/net-address.ts';
import { AccountError } from '../account-error.ts';
import { presetNames, type PresetName } from './presets.ts';

export interface Provider {
  /** In addresses: `keycloak`. */
  readonly id: string;
  /** On the button. */
  readonly name: string;
  readonly preset: PresetName;
  readonly issuer: string;
  readonly clientId: string;
  /** Undefined: a public client, which PKCE alone protects. */
  readonly sealedSecret: Buffer | undefined;
  readonly scopes: readonly string[];
  readonly groupsClaim: string;
  /** Whose groups give which role; all empty: none does. */
  readonly roleMap: RoleMap;
  /** What this provider says (`acr`, `amr`) when it asked for a second factor. */
  readonly mfa: { readonly acr: readonly string[]; readonly amr: readonly string[] };
  /** Finds an account by a verified e-mail address the first time. Off unless an admin wants it. */
  readonly linksByEmail: boolean;
  /** Makes an account for whoever has none. Off unless an admin wants it. */
  readonly createsAccounts: boolean;
  readonly allowPrivate: boolean;
  readonly allow: readonly string[];
  readonly isEnabled: boolean;
  readonly createdAt: Date;
  /** When its discovery document was last read: before it ever was, HUB_LOCAL_LOGIN=off refuses to start (row A-07). */
  readonly answeredAt: Date | undefined;
}

interface RoleMap {
  readonly admin: readonly string[];
  readonly owner: readonly string[];
  readonly member: readonly string[];
}

export interface ProviderStore {
  /** @throws AccountError sso.exists: the id or the issuer */
  insert(provider: Provider): Promise<void>;
  list(): Promise<Provider[]>;
  find(id: string): Promise<Provider | undefined>;
  /** Whole, by its id. False: it is gone. */
  replace(provider: Provider): Promise<boolean>;
  noteAnswer(id: string, at: Date): Promise<void>;
  /** With its links: nobody comes in by it any more. */
  remove(id: string): Promise<boolean>;
}

export function sealingContext(providerId: string): string {
  return `sso-provider:${providerId}`;
}

/** Everything about it that a person may have mistyped. @throws AccountError sso.settings */
export function requireProvider(provider: Provider): Provider {
  const { id, name, preset, issuer, clientId, scopes, groupsClaim, roleMap, mfa, allow } = provider;
  require(/^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/.test(
    id,
  ), 'its id is 1 to 32 letters, digits and dashes, such as keycloak');
  require(isWord(name, 64), 'its name is 1 to 64 printable characters');
  require(presetNames.includes(preset), `its preset is one of ${presetNames.join(', ')}`);
  require(isIssuer(
    issuer,
    provider,
  ), 'its issuer is an address such as https://idp.example.org/realms/home, without a query; plain http only where private networks are open to it');
  require(isWord(clientId, 256), 'its client id is 1 to 256 printable characters');
  require(scopes.includes('openid') &&
    scopes.every((scope) =>
      /^[\x21\x23-\x5b\x5d-\x7e]{1,64}$/.test(scope),
    ), 'its scopes hold openid, and no spaces');
  require(isWord(groupsClaim, 128), 'its groups claim is a word such as groups');
  const words = [...roleMap.admin, ...roleMap.owner, ...roleMap.member, ...mfa.acr, ...mfa.amr];
  require(words.length <= 200 &&
    words.every((word) =>
      isWord(word, 256),
    ), 'groups, acr and amr values are printable words, 200 at most');
  requireNetworks(allow);
  return provider;
}

function isIssuer(text: string, { allowPrivate, allow }: Provider): boolean {
  const url = text.length > 500 ? null : URL.parse(text);
  if (url === null || url.search !== '' || url.hash !== '') return false;
  if (url.username !== '' || url.password !== '') return false;
  return (
    url.protocol === 'https:' || (url.protocol === 'http:' && (allowPrivate || allow.length > 0))
  );
}

function isWord(text: string, most: number): boolean {
  return text.trim() === text && text.length > 0 && text.length <= most && !/\p{C}/u.test(text);
}

function requireNetworks(texts: readonly string[]): void {
  try {
    for (const text of texts) parseLimitedNetwork(text);
  } catch (error) {
    if (!(error instanceof NetAddressError)) throw error;
    throw new AccountError('sso.settings', error.message, { cause: error });
  }
}

function require(isRight: boolean, expectation: string): void {
  if (!isRight)
    throw new AccountError('sso.settings', `the provider cannot be kept like this: ${expectation}`);
}
