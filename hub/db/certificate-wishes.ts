// What is wished for and what is held arrive; which certificates begin, go on and are let go leaves. Pure.

import { createHash } from 'node:crypto';

import type { CertificateWish } from '../certificates/life/certificate.ts';
import { wishKey } from '../certificates/life/wishes.ts';

/** A wish with whom its server belongs to; undefined: the hub itself. */
export interface OwnedWish extends CertificateWish {
  readonly ownerId: string | undefined;
}

/** As much of a managed certificate as the comparison needs. */
export interface HeldCertificate {
  readonly id: string;
  /** `wishDigest` of its wish. */
  readonly key: string;
  readonly serverId: string | undefined;
  readonly ownerId: string | undefined;
  readonly challenge: CertificateWish['challenge'];
  readonly profile: string | undefined;
  /** Nobody wished for it when we looked last. */
  readonly isReleased: boolean;
  /** It may be revoked already, and whoever revoked it may have died before saying so. */
  readonly isRetiring: boolean;
}

export interface Reconciliation {
  readonly begin: readonly OwnedWish[];
  /** Is wished for (again), with these properties. */
  readonly keep: readonly { readonly id: string; readonly wish: OwnedWish }[];
  readonly release: readonly string[];
}

/** Equal for two wishes that one certificate fulfils, and short enough for an index whatever the number of names. */
export function wishDigest(wish: CertificateWish): string {
  return createHash('sha256').update(wishKey(wish)).digest('hex');
}

/** `held` in the order of their making. */
export function reconcile(
  held: readonly HeldCertificate[],
  wishes: readonly OwnedWish[],
): Reconciliation {
  const byKey = Map.groupBy(held, ({ key }) => key);
  const begin: OwnedWish[] = [];
  const keep: { id: string; wish: OwnedWish }[] = [];
  const goesOn = new Set<string>();
  for (const [key, wish] of new Map(wishes.map((wish) => [wishDigest(wish), wish]))) {
    const found = fulfilling(byKey.get(key) ?? [], wish);
    if (found === undefined) {
      begin.push(wish);
      continue;
    }
    goesOn.add(found.id);
    if (!isAsWished(found, wish)) keep.push({ id: found.id, wish });
  }
  const release = held
    .filter(({ id, isReleased }) => !isReleased && !goesOn.has(id))
    .map(({ id }) => id);
  return { begin, keep, release };
}

/** Security row D-07: to another owner passes neither a certificate nor its key. */
function fulfilling(
  held: readonly HeldCertificate[],
  wish: OwnedWish,
): HeldCertificate | undefined {
  const own = held.filter(({ ownerId }) => ownerId === wish.ownerId);
  return own.find(({ isReleased }) => !isReleased) ?? own.findLast(({ isRetiring }) => !isRetiring);
}

function isAsWished(held: HeldCertificate, wish: OwnedWish): boolean {
  return (
    !held.isReleased &&
    held.serverId === wish.serverId &&
    held.challenge === wish.challenge &&
    held.profile === wish.profile
  );
}
