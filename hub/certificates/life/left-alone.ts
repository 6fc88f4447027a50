// What authorities refuse with arrives; until when each wants to hear nothing, of one certificate or of any, leaves.

import type { AuthorityName } from '../acme/authority.ts';
import { AcmeError } from '../acme/problem.ts';
import { registeredDomain } from './budget.ts';
import type { ManagedCertificate } from './certificate.ts';

type Named = Pick<ManagedCertificate, 'id' | 'names'>;

/** One process's memory of `Retry-After`. A DNS provider's is not in it: that says nothing about the authority. */
export class LeftAlone {
  readonly #until = new Map<string, number>();

  note(
    authority: AuthorityName,
    certificate: Named,
    { error, now }: { error: unknown; now: Date },
  ) {
    if (!(error instanceof AcmeError) || error.retryAfterMs === undefined) return;
    const key = isAboutAll(error, certificate.names) ? authority : keyOf(authority, certificate);
    this.#until.set(key, now.getTime() + Math.min(error.retryAfterMs, longestMs));
  }

  /** Undefined: it may be asked. */
  until(authority: AuthorityName, certificate: Named, now: Date): Date | undefined {
    const waits = [authority, keyOf(authority, certificate)].map((key) => {
      const until = this.#until.get(key) ?? 0;
      if (until <= now.getTime()) this.#until.delete(key);
      return until;
    });
    const latest = Math.max(...waits);
    return latest > now.getTime() ? new Date(latest) : undefined;
  }
}

/** The longest window of a published limit, and a day: what asks for more is a mistake, or hostile. */
const longestMs = 8 * 86_400_000;

function keyOf(authority: AuthorityName, { id }: Named): string {
  return `${authority} ${id}`;
}

/** An outage, or a limit of the account or the address: the next name would hear the same. */
function isAboutAll({ code, problem }: AcmeError, names: readonly string[]): boolean {
  if (code === 'acme.unavailable') return true;
  if (code !== 'acme.rate-limited') return false;
  if (problem === undefined) return true;
  if (problem.subproblems.some(({ name }) => name !== '')) return false;
  const said = problem.detail.toLowerCase();
  // Some limits name what they count, others only say "this exact set of identifiers".
  return (
    !/\b(?:identifier|domain|hostname|name)s?\b/.test(said) &&
    !names.some((name) => said.includes(registeredDomain(name)))
  );
}
