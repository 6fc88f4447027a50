// The database, the certificates and the doors of a hub arrive; whether it can serve now leaves, looked up at most once a second, whoever asks.

import type { HealthAnswer } from '../../shared/telemetry/metrics-listener.ts';

/** One of the three that a hub cannot serve without. */
export interface PartState {
  readonly ready: boolean;
  /** Why not, for a person; strangers may read it. */
  readonly reason?: string;
}

export interface ReadinessReport {
  readonly database: PartState;
  readonly certificates: PartState;
  readonly gateway: PartState;
}

export interface ReadinessOptions {
  /** Rejects while the database is away. */
  readonly askDatabase: () => Promise<unknown>;
  /** For the hub's own name; undefined while there is none. */
  readonly certificate: () => { readonly notAfter: Date } | undefined;
  readonly hubHost: string;
  readonly nowMs?: () => number;
  /** How long the database may take to answer. */
  readonly patienceMs?: number;
}

/** Probes ask every few seconds, and anybody may: one question to the database in a second is all that comes of it. */
const freshMs = 1000;
/** Probes of orchestrators wait for a second by default, and a database that takes longer serves nobody. */
const patienceMs = 800;

export class Readiness {
  readonly #options: ReadinessOptions;
  readonly #nowMs: () => number;
  #database: PartState = notReady('The database has not been asked yet.');
  #askedAtMs = -Infinity;
  #asking: Promise<void> | undefined;
  #doors: 'opening' | 'open' | 'draining' = 'opening';

  constructor(options: ReadinessOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  /** Agents and visitors are let in. */
  opened(): void {
    if (this.#doors === 'opening') this.#doors = 'open';
  }

  /** Nobody new is let in: whoever balances load sends people elsewhere from now on. */
  drain(): void {
    this.#doors = 'draining';
  }

  /** Never rejects. */
  async report(): Promise<ReadinessReport> {
    await this.#lookAtDatabase();
    return {
      database: this.#database,
      certificates: this.#certificates(),
      gateway: doorStates[this.#doors],
    };
  }

  /** For `/readyz`. */
  async answer(): Promise<HealthAnswer> {
    const report = await this.report();
    const isReady = Object.values(report).every(({ ready }: PartState) => ready);
    return { status: isReady ? 200 : 503, body: report };
  }

  async #lookAtDatabase(): Promise<void> {
    if (this.#nowMs() - this.#askedAtMs < freshMs) return;
    // A question that is still open is not asked again: a database that hangs would gather them.
    this.#asking ??= this.#ask();
    const isInTime = await settledWithin(this.#asking, this.#options.patienceMs ?? patienceMs);
    if (!isInTime) this.#database = notReady('The database takes too long to answer.');
  }

  /** Never rejects. */
  async #ask(): Promise<void> {
    try {
      await this.#options.askDatabase();
      this.#database = ready;
    } catch {
      this.#database = notReady('The database does not answer: see the log of the hub.');
    }
    this.#askedAtMs = this.#nowMs();
    this.#asking = undefined;
  }

  #certificates(): PartState {
    const { hubHost, certificate } = this.#options;
    const held = certificate();
    if (held === undefined) return notReady(`There is no certificate for ${hubHost} yet.`);
    if (held.notAfter.getTime() > Date.now()) return ready;
    return notReady(`The certificate for ${hubHost} has ended.`);
  }
}

const ready: PartState = { ready: true };

function notReady(reason: string): PartState {
  return { ready: false, reason };
}

const doorStates: Readonly<Record<'opening' | 'open' | 'draining', PartState>> = {
  opening: notReady('The doors are not open yet.'),
  open: ready,
  draining: notReady('This hub drains: it lets nobody new in.'),
};

/** False: the deadline came first. */
async function settledWithin(work: Promise<void>, ms: number): Promise<boolean> {
  const deadline = Promise.withResolvers<false>();
  const timer = setTimeout(() => deadline.resolve(false), ms);
  const isInTime = await Promise.race([work.then(() => true), deadline.promise]);
  clearTimeout(timer);
  return isInTime;
}
