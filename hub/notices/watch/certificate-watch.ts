// The certificates that a hub holds arrive, looked at every hour; somebody is told when one is about to end and no newer one came.

import type { Logger } from '../../../shared/log.ts';
import type { Notices } from '../notice.ts';

export interface WatchedCertificate {
  readonly names: readonly string[];
  /** Undefined: there is none yet. */
  readonly notAfter: Date | undefined;
  /** Of the server that it is for; none: it is the hub's own. */
  readonly ownerId: string | undefined;
  /** Why the last attempt to get the next one failed. */
  readonly failure: string | undefined;
  /** Since when the hub has tried, where there is none at all. */
  readonly wantedSince: Date | undefined;
}

/** The store in hub/db/notices implements it. */
export interface OnceStore {
  /** True for one caller, unless somebody was told of `key` within `everyMs` before `at`. */
  claim(key: string, at: Date, everyMs: number): Promise<boolean>;
}

/**
 * Of a life of 90 days the hub renews at 30 left, of 47 at 16: with a week to go, renewal has failed for days. What lives
 * for a week or less is in trouble when a third of that is left.
 */
const troubleMs = 7 * 24 * 3_600_000;
/** A first certificate takes minutes, and DNS may take an hour. */
const firstMs = 2 * 3_600_000;
const againMs = 24 * 3_600_000;
const lookMs = 3_600_000;
/** After a start: what the hub orders by itself then should be there. */
const firstLookMs = 5 * 60_000;

export interface CertificateWatchOptions {
  readonly held: () => Promise<readonly WatchedCertificate[]> | readonly WatchedCertificate[];
  readonly once: OnceStore;
  readonly notices: Notices;
  /** One that is there ends soon; asked as often as somebody is told. */
  readonly onExpiring?: (names: readonly string[], reason: string) => void;
  readonly log: Logger;
  readonly now?: () => Date;
  /** Longer than the certificates live: nothing would ever be in order. */
  readonly troubleMs?: number;
}

export class CertificateWatch {
  readonly #options: CertificateWatchOptions;
  readonly #now: () => Date;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: CertificateWatchOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
  }

  start(ms = firstLookMs): void {
    this.#timer = setTimeout(() => {
      void this.look()
        .catch((error: unknown) =>
          this.#options.log.warn({ err: error }, 'certificates could not be looked at for alerts'),
        )
        .then(() => this.#timer && this.start(lookMs));
    }, ms);
    this.#timer.unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Once. */
  async look(): Promise<void> {
    const now = this.#now();
    for (const certificate of await this.#options.held()) {
      const reason = this.#troubleOf(certificate, now);
      if (reason === undefined) continue;
      const { names, notAfter, ownerId } = certificate;
      const key = `certificate ${names.toSorted().join(' ')}`;
      if (!(await this.#options.once.claim(key, now, againMs))) continue;
      if (notAfter !== undefined) this.#options.onExpiring?.(names, reason);
      this.#options.notices.tell({
        kind: 'certificate.trouble',
        to:
          ownerId === undefined ? { kind: 'admins' } : { kind: 'owner', ownerId, andAdmins: true },
        facts: { names, notAfter, reason },
      });
    }
  }

  #troubleOf(
    { notAfter, failure, wantedSince }: WatchedCertificate,
    now: Date,
  ): string | undefined {
    const before = this.#options.troubleMs ?? troubleMs;
    if (notAfter === undefined) {
      const isLate = wantedSince !== undefined && now.getTime() - wantedSince.getTime() > firstMs;
      return isLate ? (failure ?? 'it has not been issued yet.') : undefined;
    }
    if (notAfter.getTime() - now.getTime() > before) return undefined;
    return failure ?? 'no newer one has come.';
  }
}
