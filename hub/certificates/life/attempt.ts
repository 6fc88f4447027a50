// A certificate that something is due for arrives; it leaves renewed, asked about, revoked and forgotten, or with the reason why not.

import type { AuthorityName } from '../acme/authority.ts';
import { CertificateError } from '../failure.ts';
import { longestOrderMs } from './budget.ts';
import type { AttemptError, Lease, ManagedCertificate, OrderRefusal } from './certificate.ts';
import { adviceOf, describeFailure, Refused } from './attempt-failure.ts';
import type { AttemptParts } from './attempt-parts.ts';
import { HeldLease } from './held-lease.ts';
import { Ordering } from './ordering.ts';
import { answeredPlan, nextStep, retryAt, unansweredPlan } from './renewal.ts';

export type Outcome =
  /** Another process is at it. */
  | { readonly kind: 'busy' }
  /** Somebody did it before, or it is not wanted any more. */
  | { readonly kind: 'idle' }
  | { readonly kind: 'asked' }
  | { readonly kind: 'issued'; readonly authority: AuthorityName; readonly notAfter: Date }
  | { readonly kind: 'removed'; readonly isRevoked: boolean }
  /** The hub's own budget. */
  | { readonly kind: 'waiting'; readonly authority: AuthorityName; readonly refusal: OrderRefusal }
  | { readonly kind: 'failed'; readonly error: AttemptError }
  /** This process cannot open the stored key: it leaves the certificate to others, and writes nothing. */
  | { readonly kind: 'sealed'; readonly error: AttemptError }
  /** The hub stops, or the lease was lost: as if it had not begun. */
  | { readonly kind: 'ended' };

export interface Attempted {
  readonly outcome: Outcome;
  /** As it is afterwards; undefined: gone, or another's. */
  readonly certificate: ManagedCertificate | undefined;
}

/**
 * One attempt, under the lease. Never waits for what an authority asked to wait for: the lease is given back, and the moment
 * stored. Ends soon after `signal` aborts.
 * @throws what the store throws
 */
export async function attempt(
  id: string,
  parts: AttemptParts,
  signal: AbortSignal,
): Promise<Attempted> {
  const ended = new AbortController();
  const lease = await HeldLease.take(id, {
    store: parts.store,
    setTimer: parts.setTimer,
    onLost: () => ended.abort(new Error('the lease was lost')),
  });
  if (lease === undefined) return { outcome: { kind: 'busy' }, certificate: undefined };
  const end = (): void => ended.abort(signal.reason);
  if (signal.aborted) end();
  signal.addEventListener('abort', end);
  const cancelTimer = parts.setTimer(() => ended.abort(tooSlow()), longestOrderMs);
  try {
    // Only now: whoever held the lease a moment ago may have done it.
    const certificate = await parts.store.find(id);
    if (certificate === undefined) return { outcome: { kind: 'idle' }, certificate };
    const outcome = await new Attempt(certificate, lease.lease, parts).run(ended.signal);
    return { outcome, certificate: await parts.store.find(id) };
  } finally {
    cancelTimer();
    signal.removeEventListener('abort', end);
    await lease.release();
  }
}

class Attempt {
  readonly #certificate: ManagedCertificate;
  readonly #lease: Lease;
  readonly #parts: AttemptParts;

  constructor(certificate: ManagedCertificate, lease: Lease, parts: AttemptParts) {
    this.#certificate = certificate;
    this.#lease = lease;
    this.#parts = parts;
  }

  async run(signal: AbortSignal): Promise<Outcome> {
    const now = this.#parts.now();
    const step = nextStep(this.#certificate, now, this.#parts.isKept(this.#certificate));
    if (step.at > now) return { kind: 'idle' };
    try {
      if (step.kind === 'order') return await this.#order(signal);
      return step.kind === 'ask' ? await this.#ask(signal) : await this.#retire(signal);
    } catch (error) {
      const reason: unknown = signal.aborted ? signal.reason : error;
      const isEnded = signal.aborted && !(reason instanceof CertificateError);
      return isEnded ? { kind: 'ended' } : await this.#failed(reason);
    }
  }

  async #order(signal: AbortSignal): Promise<Outcome> {
    const { issued, id } = this.#certificate;
    // A key that cannot be opened here belongs to processes with another secret: to replace it would take it from them.
    if (issued !== undefined) this.#parts.keyRing.open(issued.sealedKey, id);
    await this.#probe();
    const ordering = new Ordering(this.#certificate, this.#parts);
    const made = await ordering.place(signal);
    const isSaved = await ordering.save(this.#lease, made);
    if (!isSaved) return { kind: 'ended' };
    const { authority, notAfter } = made.issued;
    return { kind: 'issued', authority, notAfter };
  }

  async #probe(): Promise<void> {
    await this.#parts.store.probe().catch((error: unknown) => {
      throw new CertificateError(
        'certificate.storage',
        'The database does not keep what is written into it, so nothing was ordered; look at its log, its disk and its rights.',
        { cause: error },
      );
    });
  }

  async #ask(signal: AbortSignal): Promise<Outcome> {
    const { issued, renewal } = this.#certificate;
    if (issued === undefined) return { kind: 'idle' };
    const { authorities, store, now, random, log } = this.#parts;
    const known = { life: issued, plan: renewal };
    const authority = authorities.get(issued.authority);
    let plan = unansweredPlan(known, 'silent', now());
    try {
      // Without a key identifier in the certificate there is nothing to ask by.
      const asked = issued.ariId === '' ? undefined : authority;
      const info = await asked?.renewalInfo(issued.ariId, signal);
      if (info !== undefined) plan = answeredPlan(known, info, { now: now(), random });
    } catch (error) {
      if (signal.aborted) throw error;
      log.info({ err: error, names: this.#certificate.names }, 'renewal window not told');
      plan = unansweredPlan(known, 'failed', now());
    }
    return (await store.saveRenewal(this.#lease, plan)) ? { kind: 'asked' } : { kind: 'ended' };
  }

  /** Revoked first: a row that is gone can be revoked by nobody. One that has ended, or that nobody let go, need not be. */
  async #retire(signal: AbortSignal): Promise<Outcome> {
    const { issued, names } = this.#certificate;
    const { authorities, store, now, log } = this.#parts;
    if (!(await store.beginRetiring(this.#lease))) return { kind: 'idle' };
    const isRevoked =
      issued !== undefined && issued.notAfter > now() && !this.#parts.isKept(this.#certificate);
    if (isRevoked) {
      const authority = authorities.get(issued.authority);
      if (authority === undefined) {
        const facts = { names, authority: issued.authority };
        log.warn(facts, 'certificate forgotten without revoking it, its authority is not set');
      }
      await authority?.revoke(issued.chain, 'cessationOfOperation', signal);
    }
    const isRemoved = await store.remove(this.#lease);
    return isRemoved ? { kind: 'removed', isRevoked } : { kind: 'ended' };
  }

  /** The certificate that is served stays as it is, whatever happened. */
  async #failed(error: unknown): Promise<Outcome> {
    const now = this.#parts.now();
    const failure = describeFailure(error, now);
    if (failure.code === 'certificate.sealed') return { kind: 'sealed', error: failure };
    if (error instanceof Refused) return await this.#refused(error, failure);
    const { attempts, issued } = this.#certificate;
    const failures = attempts.failures + 1;
    const retry = { failures, life: issued, ...adviceOf(error) };
    const nextTryAt = retryAt(retry, now, this.#parts.random);
    await this.#parts.store.saveAttempts(this.#lease, { failures, nextTryAt, lastError: failure });
    return { kind: 'failed', error: failure };
  }

  /** No failure: the next attempt is made when there is room. Of seconds nobody needs to hear. */
  async #refused({ authority, refusal }: Refused, failure: AttemptError): Promise<Outcome> {
    const { failures } = this.#certificate.attempts;
    const waitMs = refusal.notBefore.getTime() - this.#parts.now().getTime();
    if (waitMs > shortWaitMs) {
      const attempts = { failures, nextTryAt: refusal.notBefore, lastError: failure };
      await this.#parts.store.saveAttempts(this.#lease, attempts);
    }
    return { kind: 'waiting', authority, refusal };
  }
}

const shortWaitMs = 60_000;

function tooSlow(): CertificateError {
  return new CertificateError(
    'certificate.timeout',
    `The order was not through after ${longestOrderMs / 60_000} minutes and was given up; the hub tries again by itself. If it happens again, look at how long the DNS provider takes to publish a record.`,
  );
}
