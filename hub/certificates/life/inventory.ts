// Rows of the store arrive; what the hub holds leaves: by id, and by the names that each other's certificates stand in for.

import type { AuthorityName } from '../acme/authority.ts';
import { sameNames } from './budget.ts';
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

  /** Whether another one for the same wish is there, and not released. */
  hasLiveTwin(state: CertificateState): boolean {
    const ids = this.#byName.get(state.names[0] ?? '') ?? new Set();
    const key = wishKey(state);
    return [...ids].some((id) => {
      const other = this.#byId.get(id);
      return other !== undefined && other.releasedAt === undefined && wishKey(other) === key;
    });
  }

  /**
   * True while one that is wished for has no certificate of its own yet, and this released one covers a name of it: as when
   * the owner chose another authority or kind of key. It is not taken away before there is another.
   */
  isStandIn({ names }: CertificateState, now: Date): boolean {
    return names.some((name) => this.#successors(name).some((state) => !isValid(state, now)));
  }

  /** Others of the same names: an authority takes one order for them at a time. */
  rivalsOf({ id, names }: CertificateState): CertificateState[] {
    const [first = ''] = names;
    return [...(this.#byName.get(first) ?? [])].flatMap((other) => {
      const state = this.#byId.get(other);
      const isRival = state !== undefined && other !== id && sameNames(state.names, names);
      return isRival ? [state] : [];
    });
  }

  #successors(name: string): CertificateState[] {
    // Rare: where the proof by DNS was given up, each server's own certificate takes the wildcard's place, one by one.
    if (name.startsWith('*.')) {
      return this.all().filter(
        ({ names, releasedAt }) =>
          releasedAt === undefined && names.some((one) => wildcardOf(one) === name || one === name),
      );
    }
    const wildcard = wildcardOf(name);
    return [name, wildcard].flatMap((covering) =>
      [...(this.#byName.get(covering) ?? [])].flatMap((id) => {
        const state = this.#byId.get(id);
        return state === undefined || state.releasedAt !== undefined ? [] : [state];
      }),
    );
  }
}

function wildcardOf(name: string): string {
  return name.replace(/^[^.]+/, '*');
}

/** By a command. What else plans the renewal anew also changes when the authority is asked again, or is a new certificate. */
export function isHastened(
  former: CertificateState,
  { renewal, issued }: CertificateState,
): boolean {
  return (
    !isSame(former.renewal.selectedAt, renewal.selectedAt) &&
    isSame(former.renewal.askAgainAt, renewal.askAgainAt) &&
    isSame(former.issued?.notAfter, issued?.notAfter)
  );
}

function isSame(a: Date | undefined, b: Date | undefined): boolean {
  return a?.getTime() === b?.getTime();
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
