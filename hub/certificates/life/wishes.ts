// Settings, servers and domains arrive; the certificates that the hub should hold for them leave. Pure.

import type { AuthorityName } from '../acme/authority.ts';
import type { ChallengeKind } from '../challenges/solver.ts';
import type { KeyKind } from '../store.ts';
import type { CertificateWish } from './certificate.ts';

export interface WishSettings {
  readonly hubHost: string;
  readonly tenantDomain: string;
  readonly authority: AuthorityName;
  readonly profile: string | undefined;
  /** With `dns-01` one wildcard serves all servers; otherwise each has a certificate of its own. */
  readonly challenge: ChallengeKind;
  /** For names that are not in the hub's zones: `dns-01` cannot prove them. */
  readonly domainChallenge: Exclude<ChallengeKind, 'dns-01'>;
}

/** A server, as far as its certificates go. */
export interface NamedServer {
  readonly id: string;
  /** Undefined: it has domains of its own at most. */
  readonly label: string | undefined;
  readonly certificateKey: KeyKind;
  /** Its owner's choice; undefined: the hub's. */
  readonly authority: AuthorityName | undefined;
}

/** A domain of an owner's own, proved to be his. */
export interface ProvedDomain {
  readonly hostname: string;
  readonly serverId: string;
}

export function wishesOf(
  settings: WishSettings,
  servers: readonly NamedServer[],
  domains: readonly ProvedDomain[],
): CertificateWish[] {
  const byId = new Map(servers.map((server) => [server.id, server]));
  const wishes = [
    ...hubWishes(settings),
    ...servers.flatMap((server) => serverWishes(settings, server)),
    ...domains.flatMap(({ hostname, serverId }) => {
      const challenge = settings.domainChallenge;
      const server = byId.get(serverId);
      const wish = { ...wishFor(settings, [hostname]), challenge, serverId };
      return server === undefined ? [] : perKind(wish, server);
    }),
  ];
  // Two ways to the same wish, as when the hub's own name is the tenant domain's.
  return [...new Map(wishes.map((wish) => [wishKey(wish), wish])).values()];
}

/** Equal for wishes that are one. */
export function wishKey({
  names,
  keyKind,
  authority,
}: Pick<CertificateWish, 'names' | 'keyKind' | 'authority'>): string {
  return `${authority} ${keyKind} ${names.join(' ')}`;
}

/**
 * The hub's own name apart from the wildcard: it may lie in another zone, and one that cannot be proved must not keep the
 * other from being renewed. Of the wildcard both kinds of key, so that an old television needs no switch.
 */
function hubWishes(settings: WishSettings): CertificateWish[] {
  const { hubHost, tenantDomain } = settings;
  const own = wishFor(settings, [hubHost]);
  if (settings.challenge !== 'dns-01') return [own];
  const wildcard = wishFor(settings, [tenantDomain, `*.${tenantDomain}`]);
  const covering: CertificateWish[] = [wildcard, { ...wildcard, keyKind: 'rsa' }];
  return isCovered(hubHost, wildcard.names) ? covering : [own, ...covering];
}

function serverWishes(settings: WishSettings, server: NamedServer): CertificateWish[] {
  if (server.label === undefined) return [];
  // The wildcard serves it, unless its owner wants another authority's name on it.
  const isOwn = server.authority !== undefined && server.authority !== settings.authority;
  if (settings.challenge === 'dns-01' && !isOwn) return [];
  const wish = wishFor(settings, [`${server.label}.${settings.tenantDomain}`]);
  return perKind({ ...wish, serverId: server.id }, server);
}

/** An owner who asks for RSA still has visitors who are served faster without: they get ECDSA beside it. */
function perKind(wish: CertificateWish, server: NamedServer): CertificateWish[] {
  const authority = server.authority ?? wish.authority;
  // A profile is a word of the authority that the hub's settings name.
  const profile = authority === wish.authority ? wish.profile : undefined;
  const own: CertificateWish = { ...wish, authority, profile };
  return server.certificateKey === 'rsa' ? [own, { ...own, keyKind: 'rsa' }] : [own];
}

function wishFor(settings: WishSettings, names: readonly string[]): CertificateWish {
  const { authority, challenge, profile } = settings;
  const sorted = names.map((name) => name.toLowerCase()).toSorted();
  return { names: sorted, keyKind: 'ecdsa', authority, challenge, profile, serverId: undefined };
}

function isCovered(name: string, by: readonly string[]): boolean {
  return by.includes(name) || by.includes(name.replace(/^[^.]+/, '*'));
}
