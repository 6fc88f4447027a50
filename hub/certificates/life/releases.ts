// Wishes and the servers behind them arrive; whether a certificate that is wished for no more was let go by its owner, or only by other settings of the hub, leaves.

import type { CertificateWish } from './certificate.ts';
import { wishKey } from './wishes.ts';

/** The label of each server that has one, by the server's id. */
export type Labels = ReadonlyMap<string, string>;

type Released = Pick<CertificateWish, 'names' | 'keyKind' | 'authority' | 'serverId'>;

export class Releases {
  /** Settings do not change while a process runs: what it asked for itself and does not any more, an owner let go. */
  readonly #askedFor = new Set<string>();
  #labels: Labels | undefined;

  note(wishes: readonly CertificateWish[], labels: Labels): void {
    for (const wish of wishes) this.#askedFor.add(wishKey(wish));
    this.#labels = labels;
  }

  /**
   * True: nobody let it go. It is of the hub's own names, which a mistyped HUB_PUBLIC_URL changes as well, or of a server
   * that has its label still, in what was the tenant domain or from what was the authority. A revoked certificate cannot be
   * mended with the settings, and a new one counts towards the authority's limits.
   */
  isKept(released: Released): boolean {
    if (this.#labels === undefined) return true;
    if (this.#askedFor.has(wishKey(released))) return false;
    const { serverId, names } = released;
    if (serverId === undefined) return true;
    const label = this.#labels.get(serverId);
    return label !== undefined && names.every((name) => name.startsWith(`${label}.`));
  }
}
