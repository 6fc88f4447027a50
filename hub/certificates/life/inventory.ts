// Rows of the store arrive; what the hub holds leaves: by id, and by the names that each other's certificates stand in for.

import type { AuthorityName } from '../acme/authority.ts';
import type { ManagedCertificate } from './certificate.ts';
import { wishKey } from './wishes.ts';

/** A managed certificate without what weighs: chain and key stay in the store. */
export interface CertificateState extends Omit<ManagedCertificate, 'issued'> {
  readonly issued:
    | { readonly authority: AuthorityName; readonly notBefore: Date; readonly notAfter: Date }
    | undefined;
}

export class Inventory {
  readonly #byId = new Map<string, CertificateState>();
  readonly #byName = new Map<string, Set<string>>();

  set(certificate: ManagedCertificate): CertificateState {
    const state = stateOf(certificate);
    const isKnown = this.#byId.has(state.id);
    this.#byId.set(state.id, state);
    // A row's names never change: other names are another wish, and another row.
    if (isKnown) return state;
    for (const name of state.names) {
      const ids = this.#byName.get(name) ?? new Set();
      this.#byName.set(name, ids.add(state.id));
    }
    return state;
  }

  delete(id: string): void {
    for (const name of this.#byId.get(id)?.names ?? []) {
      const ids = this.#byName.get(name);
      ids?.delete(id);
      if (ids?.size === 0) this.#byName.delete(name);
    }
    this.#byId.delete(id);
  }

  get(id: string): CertificateState | undefined {
    return this.#byId.get(id);
  }

  all(): CertificateState[] {
    return [...this.#byId.values()];
  }

  /** Whether what is held, and not released, are these wishes and no others. */
  isSameAs(wished: ReadonlySet<string>): boolean {
    const live = this.all().filter(({ releasedAt }) => releasedAt === undefined);
    const held = new Set(live.map(wishKey));
    return held.size === wished.size && [...wished].every((key) => held.has(key));
  }

  /**
   * True while one that is wished for has no certificate of its own yet, and this released one covers a name of it: as when
   * the owner chose another authority or kind of key. It is not taken away before there is another.
   */
  isStandIn({ names }: CertificateState, now: Date): boolean {
    return names.some((name) => this.#successors(name).some((state) => !isValid(state, now)));
  }

  #successors(name: string): CertificateState[] {
    const wildcard = name.replace(/^[^.]+/, '*');
    return [name, wildcard].flatMap((covering) =>
      [...(this.#byName.get(covering) ?? [])].flatMap((id) => {
        const state = this.#byId.get(id);
        return state === undefined || state.releasedAt !== undefined ? [] : [state];
      }),
    );
  }
}

function isValid({ issued }: CertificateState, now: Date): boolean {
  return issued !== undefined && issued.notAfter > now;
}

function stateOf(certificate: ManagedCertificate): CertificateState {
  const { issued, ...rest } = certificate;
  if (issued === undefined) return { ...rest, issued };
  const { authority, notBefore, notAfter } = issued;
  return { ...rest, issued: { authority, notBefore, notAfter } };
}
