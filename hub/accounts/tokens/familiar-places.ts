// Tokens that were good arrive, with where they came from; leaves whether one has come from a place before.

import type { TokenRecord } from './token.ts';
import { bucketOf } from '../login/guard.ts';
import type { BearerVisit } from './dead-bearers.ts';
import { familiarPlacesKept } from './limits.ts';

/** Failures of a neighbour shut nobody out who is in: neither where a token was used last, which is written down, nor where it was used lately. */
export class FamiliarPlaces {
  /** By token and network, in the order in which they are forgotten. */
  readonly #places = new Set<string>();

  has(token: Pick<TokenRecord, 'id' | 'lastUsedAt' | 'lastUsedFrom'>, visit: BearerVisit): boolean {
    const { id, lastUsedAt, lastUsedFrom } = token;
    const here = bucketOf(visit);
    if (lastUsedAt !== undefined && bucketOf({ address: lastUsedFrom }) === here) return true;
    return this.#places.has(`${id} ${here}`);
  }

  note({ id }: Pick<TokenRecord, 'id'>, visit: BearerVisit): void {
    const place = `${id} ${bucketOf(visit)}`;
    this.#places.delete(place);
    this.#places.add(place);
    const [oldest] = this.#places;
    if (this.#places.size > familiarPlacesKept && oldest !== undefined) this.#places.delete(oldest);
  }
}
