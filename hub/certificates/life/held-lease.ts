// The wish to work on one certificate arrives; the right to leaves, kept alive until it is given back, or lost and said so.

import type { CertificateStore, Lease } from './certificate.ts';
import type { SetTimer } from './timer.ts';

export interface LeaseOptions {
  readonly store: CertificateStore;
  readonly setTimer: SetTimer;
  /** What is under way has to stop: another process may have it now. */
  readonly onLost: () => void;
}

/** How long a certificate waits for a holder that died. */
export const leaseMs = 60_000;

/** Two signs of life may be lost; at the third there is still a quarter of the lease to stop in. */
const beatMs = leaseMs / 4;

export class HeldLease {
  readonly lease: Lease;
  readonly #options: LeaseOptions;
  #missed = 0;
  #isOver = false;
  #cancelTimer: () => void = () => undefined;

  /** Undefined: another process holds it. */
  static async take(id: string, options: LeaseOptions): Promise<HeldLease | undefined> {
    const lease = await options.store.takeLease(id, leaseMs);
    return lease === undefined ? undefined : new HeldLease(lease, options);
  }

  private constructor(lease: Lease, options: LeaseOptions) {
    this.lease = lease;
    this.#options = options;
    this.#beatLater();
  }

  /** A store that cannot be told lets it end by itself. */
  async release(): Promise<void> {
    if (this.#isOver) return;
    this.#end();
    await this.#options.store.dropLease(this.lease).catch(() => undefined);
  }

  #end(): void {
    this.#isOver = true;
    this.#cancelTimer();
  }

  #beatLater(): void {
    this.#cancelTimer = this.#options.setTimer(() => void this.#beat(), beatMs);
  }

  async #beat(): Promise<void> {
    const isHeld = await this.#extend();
    if (this.#isOver) return;
    if (isHeld) {
      this.#beatLater();
      return;
    }
    this.#end();
    this.#options.onLost();
  }

  async #extend(): Promise<boolean> {
    try {
      const isHeld = await this.#options.store.extendLease(this.lease, leaseMs);
      this.#missed = 0;
      return isHeld;
    } catch {
      this.#missed += 1;
      return this.#missed < 3;
    }
  }
}
