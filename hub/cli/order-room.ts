// Certificates and the log of orders arrive; which of them could not be ordered anew now, and which wait for another's order, leaves.

import {
  limitsOf,
  longestOrderMs,
  lookFor,
  refusalOf,
  sameNames,
} from '../certificates/life/budget.ts';
import type { ManagedCertificate, OrderRefusal } from '../certificates/life/certificate.ts';
import { orderKind } from '../certificates/life/ordering.ts';
import type { Stores } from '../composition/stores.ts';

export interface Unordered {
  readonly names: readonly string[];
  readonly refusal: OrderRefusal;
}

/** Whom the hub's own budget would keep waiting, and be it told so by then. */
export async function withoutRoom(
  certificates: readonly ManagedCertificate[],
  { orders }: Pick<Stores, 'orders'>,
  now: Date,
): Promise<Unordered[]> {
  const found: Unordered[] = [];
  for (const certificate of certificates) {
    const { names, authority } = certificate;
    const planned = { names, kind: orderKind(certificate, authority, now) };
    const { allSince, certificatesSince } = lookFor(planned, now);
    const since = allSince < certificatesSince ? allSince : certificatesSince;
    const past = await orders.since(authority, since);
    const refusal = refusalOf(planned, past, { limits: limitsOf(authority), now });
    const waitMs = (refusal?.notBefore.getTime() ?? 0) - now.getTime();
    if (refusal !== undefined && waitMs > bearableMs) found.push({ names, refusal });
  }
  return found;
}

/** A queue of names moves on every few seconds. */
const bearableMs = 60_000;

/** Ids of those whose turn comes when the order for the other kind of key has ended. */
export async function waitingForAnother(
  certificates: readonly ManagedCertificate[],
  { orders }: Pick<Stores, 'orders'>,
  now: Date,
): Promise<ReadonlySet<string>> {
  const missing = certificates.filter(({ issued }) => issued === undefined);
  const waiting = new Set<string>();
  for (const authority of new Set(missing.map((one) => one.authority))) {
    const past = await orders.since(authority, new Date(now.getTime() - longestOrderMs));
    const open = past.filter(({ outcome }) => outcome === 'open');
    for (const { id, names } of missing.filter((one) => one.authority === authority)) {
      const isOwn = open.some(({ certificateId }) => certificateId === id);
      if (!isOwn && open.some((record) => sameNames(record.names, names))) waiting.add(id);
    }
  }
  return waiting;
}
