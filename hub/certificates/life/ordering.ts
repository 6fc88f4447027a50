// A certificate to be had arrives, with two authorities that may give it; its chain and sealed key leave, and are stored.

import { X509Certificate } from 'node:crypto';

import type { Authority, AuthorityName } from '../acme/authority.ts';
import { ariIdOf } from '../acme/ari-id.ts';
import { AcmeError } from '../acme/problem.ts';
import { CertificateError } from '../failure.ts';
import { askedToWait, BothFailed, Refused } from './attempt-failure.ts';
import type { AttemptParts } from './attempt-parts.ts';
import { lookFor, refusalOf } from './budget.ts';
import type { IssuedCertificate, Lease, ManagedCertificate, OrderKind } from './certificate.ts';
import { firstPlan, isEmergency } from './renewal.ts';

export interface Made {
  readonly issued: IssuedCertificate;
  /** Its record in the log. */
  readonly orderId: string;
}

export class Ordering {
  readonly #certificate: ManagedCertificate;
  readonly #parts: AttemptParts;

  constructor(certificate: ManagedCertificate, parts: AttemptParts) {
    this.#certificate = certificate;
    this.#parts = parts;
  }

  /** The wished authority is always tried first, unless it asked to be left alone. @throws CodedError */
  async place(signal: AbortSignal): Promise<Made> {
    const { authority } = this.#certificate;
    const other = alternativeTo(authority, this.#parts);
    try {
      return await this.#orderFrom(authority, signal);
    } catch (error) {
      if (signal.aborted || other === undefined || !this.#isTimeForFallback(error)) throw error;
      return await this.#orderFrom(other, signal).catch((another: unknown) => {
        throw signal.aborted ? another : bothFailed(error, another);
      });
    }
  }

  /** False: the lease was lost, and whoever has it makes one of his own. */
  async save(lease: Lease, { issued, orderId }: Made): Promise<boolean> {
    const { store, now, random, log } = this.#parts;
    const plan = firstPlan(issued, now(), random);
    try {
      const isSaved = await this.#insist(async () => store.saveIssued(lease, issued, plan));
      const { names } = this.#certificate;
      if (!isSaved) log.warn({ names }, 'certificate thrown away, its lease was lost');
      return isSaved;
    } finally {
      // Stored or not, it was made, and counts.
      await this.#close(orderId, 'issued');
    }
  }

  #isTimeForFallback(error: unknown): boolean {
    if (error instanceof CertificateError && error.code === 'certificate.sealed') return false;
    const { issued, attempts } = this.#certificate;
    const now = this.#parts.now();
    if (attempts.failures >= failuresBeforeFallback || isEmergency(issued, now)) return true;
    if (error instanceof Refused) {
      return error.refusal.notBefore.getTime() - now.getTime() > bearableWaitMs;
    }
    // A DNS provider that lets wait does so whatever authority is asked.
    return error instanceof AcmeError && (error.retryAfterMs ?? 0) > bearableWaitMs;
  }

  async #orderFrom(name: AuthorityName, signal: AbortSignal): Promise<Made> {
    const authority = this.#authority(name);
    const { leftAlone, now } = this.#parts;
    try {
      await this.#preflight(name, signal);
      return await this.#obtain(authority, signal);
    } catch (error) {
      leftAlone.note(name, this.#certificate, { error, now: now() });
      throw error;
    }
  }

  /** What stands in the way of one authority, as its silence or a CAA record, need not stand in the way of another. */
  async #preflight(authority: AuthorityName, signal: AbortSignal): Promise<void> {
    const { preflight, now } = this.#parts;
    if (isEmergency(this.#certificate.issued, now())) return;
    await preflight?.({ ...this.#certificate, authority }, signal);
  }

  async #obtain(authority: Authority, signal: AbortSignal): Promise<Made> {
    const { name } = authority;
    const { createKeyAndCsr, solverFor, now } = this.#parts;
    const { names, keyKind, challenge, profile } = this.#certificate;
    const kind = orderKind(this.#certificate, name, now());
    const orderId = await this.#record(name, kind);
    let isSigned = false;
    const beforeSigning = async (): Promise<void> => {
      // One that was given up is closed as failed, and must be.
      signal.throwIfAborted();
      isSigned = true;
      await this.#parts.orders.close(orderId, 'issued').catch(unwritten);
    };
    try {
      const { key, csr } = await createKeyAndCsr(names, keyKind);
      const order = {
        names,
        csr,
        // The second authority has other profiles, if any.
        profile: name === this.#certificate.authority ? profile : undefined,
        replaces: this.#predecessor(name),
        beforeSigning,
      };
      const obtaining = authority.obtain(order, solverFor(challenge), signal);
      this.#trackUntilItEnds(obtaining);
      const chain = await orAborted(obtaining, signal);
      return { issued: this.#issued(name, chain, key), orderId };
    } catch (error) {
      await this.#close(orderId, isSigned && !isRefusal(error) ? 'issued' : 'failed');
      throw error;
    }
  }

  /** RFC 9773 §5: of the same authority, in its window or not. */
  #predecessor(authority: AuthorityName): string | undefined {
    const { issued, attempts } = this.#certificate;
    // An authority may have its own reasons against `replaces`; without it the names are still known to it.
    const isNamed = issued?.authority === authority && attempts.failures < failuresBeforeFallback;
    return isNamed && issued.ariId !== '' ? issued.ariId : undefined;
  }

  #trackUntilItEnds(obtaining: Promise<string>): void {
    const { unended } = this.#parts;
    unended.add(obtaining);
    const forget = (): void => void unended.delete(obtaining);
    obtaining.then(forget, forget);
  }

  #authority(name: AuthorityName): Authority {
    const authority = this.#parts.authorities.get(name);
    if (authority === undefined) {
      throw new CertificateError(
        'certificate.authority',
        `The authority ${name} is not among the settings any more; set HUB_ACME_DIRECTORY or HUB_ACME_FALLBACK_DIRECTORY to it, or give the server another one.`,
      );
    }
    const { leftAlone, now } = this.#parts;
    const notBefore = leftAlone.until(name, this.#certificate, now());
    if (notBefore !== undefined) throw new Refused(name, { limit: askedToWait, notBefore });
    return authority;
  }

  async #record(authority: AuthorityName, kind: OrderKind): Promise<string> {
    const { orders, limitsOf, now } = this.#parts;
    const { id: certificateId, names } = this.#certificate;
    const at = now();
    const planned = { names, kind };
    const limits = limitsOf(authority);
    const record = { certificateId, authority, names, at, kind };
    const opened = await orders.open(record, lookFor(planned, at), (past) =>
      refusalOf(planned, past, { limits, now: at }),
    );
    if (typeof opened !== 'string') throw new Refused(authority, opened);
    return opened;
  }

  #issued(authority: AuthorityName, chain: string, key: string): IssuedCertificate {
    const leaf = new X509Certificate(chain);
    return {
      chain,
      sealedKey: this.#parts.keyRing.seal(key, this.#certificate.id),
      authority,
      ariId: ariIdOf(chain),
      notBefore: leaf.validFromDate,
      notAfter: leaf.validToDate,
    };
  }

  /** A certificate is worth some patience with a database that is just away: the next order would count as well. */
  async #insist(save: () => Promise<boolean>): Promise<boolean> {
    for (const pauseMs of savePausesMs) {
      try {
        return await save();
      } catch (error) {
        this.#parts.log.warn({ err: error, pauseMs }, 'certificate not stored yet');
        await new Promise<void>((resolve) => {
          this.#parts.setTimer(resolve, pauseMs);
        });
      }
    }
    return await save();
  }

  /** What the log does not hear counts as open: too much rather than too little. */
  async #close(orderId: string, outcome: 'issued' | 'failed'): Promise<void> {
    await this.#parts.orders.close(orderId, outcome).catch((error: unknown) => {
      this.#parts.log.warn({ err: error }, 'order log not written');
    });
  }
}

/** Of two that are set, the one that was not wished for; undefined: there is no second one. */
export function alternativeTo(
  wished: AuthorityName,
  { authorities, fallback }: Pick<AttemptParts, 'authorities' | 'fallback'>,
): AuthorityName | undefined {
  if (fallback === undefined || fallback !== wished) return fallback;
  return [...authorities.keys()].find((name) => name !== wished);
}

/** Which limits of the authority an order for this certificate counts towards now. */
export function orderKind(
  {
    issued,
    renewal,
    attempts,
  }: Pick<ManagedCertificate, 'renewal' | 'attempts'> & {
    readonly issued: { readonly authority: AuthorityName } | undefined;
  },
  authority: AuthorityName,
  now: Date,
): OrderKind {
  if (issued?.authority !== authority) return 'new';
  const { window } = renewal;
  const isInWindow = window !== undefined && now >= window.start && now < window.end;
  // Without `replaces` (#predecessor) it is none.
  return isInWindow && attempts.failures < failuresBeforeFallback ? 'replacement' : 'renewal';
}

function unwritten(error: unknown): never {
  throw new CertificateError(
    'certificate.storage',
    'The database was away in the moment before the authority would have signed, so it was not asked to; look at its log.',
    { cause: error },
  );
}

/** It said no, and signed nothing. Silence, and a chain that is not what was ordered, say nothing of the kind. */
function isRefusal(error: unknown): boolean {
  return error instanceof AcmeError && error.kind === 'fix';
}

/** Two hours of the retry table: what is over by then needed no second authority. */
const failuresBeforeFallback = 3;

/** Whoever waits for a first certificate sees nothing but an error until then. */
const bearableWaitMs = 3_600_000;

/** As long as a database takes to start again. The lease's own signs of life go on. */
const savePausesMs = [1000, 5000, 15_000, 30_000];

/** Two limits: what has room first is what is waited for. */
function bothFailed(first: unknown, second: unknown): unknown {
  // What stands in the way of both, as a DNS that does not answer, is said once.
  if (isSame(first, second)) return first;
  if (!(first instanceof Refused)) return new BothFailed([first, second]);
  if (!(second instanceof Refused)) return new BothFailed([second, first]);
  return first.refusal.notBefore <= second.refusal.notBefore ? first : second;
}

function isSame(first: unknown, second: unknown): boolean {
  const isSaid = first instanceof Error && second instanceof Error;
  return isSaid && first.message === second.message;
}

/** An authority that does not listen to the signal must not keep the hub from stopping. */
async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort);
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
