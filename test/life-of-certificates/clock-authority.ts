// Orders arrive at an authority that lives by the test's clock; real certificates leave, and whatever the hub did that it should not have.

import { Buffer } from 'node:buffer';
import { X509Certificate } from 'node:crypto';

import { AcmeError } from '../../hub/certificates/acme/problem.ts';
import type {
  Authority,
  AuthorityOrder,
  RenewalInfo,
} from '../../hub/certificates/acme/authority.ts';
import { createLightAuthority, signLightLeaf } from '../support/light-certificate.ts';
import type { VirtualClock } from '../support/virtual-clock.ts';
import { PublishedLimits } from './published-limits.ts';

export interface Outage {
  readonly from: Date;
  readonly to: Date;
}

export interface ClockAuthorityOptions {
  readonly name: string;
  readonly clock: VirtualClock;
  readonly random: () => number;
  readonly lifeMs: number;
  readonly outages: readonly Outage[];
  readonly ariRetryAfterMs: number;
  /** Whether the name leads to the hub, as far as the authority can see. */
  readonly isProvable: (name: string, at: Date) => boolean;
}

/** One certificate as the authority remembers it. */
export interface Signed {
  readonly names: readonly string[];
  readonly at: Date;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly kind: 'new' | 'renewal' | 'replacement';
  isReplaced: boolean;
  isRevoked: boolean;
}

/** Four bytes, of which the first says that the number is positive, for as many certificates as anybody can wait for. */
const firstSerial = 0x1000_0000;

const secondMs = 1000;
const hourMs = 3600 * secondMs;

export class ClockAuthority implements Authority {
  readonly name: string;
  readonly signed: Signed[] = [];
  readonly limits = new PublishedLimits();
  /** Each is a fault of the hub: a limit that was reached, a second order beside an open one. */
  readonly faults: string[] = [];
  /** Orders that met silence. */
  unanswered = 0;
  readonly #options: ClockAuthorityOptions;
  readonly #ca;
  readonly #byAriId = new Map<string, Signed>();
  readonly #certifiedSets = new Set<string>();
  readonly #openSets = new Set<string>();

  constructor(options: ClockAuthorityOptions) {
    this.name = options.name;
    this.#options = options;
    this.#ca = createLightAuthority(options.name, options.clock.now());
  }

  async obtain(order: AuthorityOrder, _solver: unknown, signal: AbortSignal): Promise<string> {
    await this.#answer(signal);
    const set = order.names.join(' ');
    if (this.#openSets.has(set)) this.faults.push(`two orders at once for ${set}`);
    const kind = this.#admit(order, set);
    this.#openSets.add(set);
    try {
      // Proof and signature take their time, and an outage may begin in the middle.
      await this.#options.clock.sleep((2 + this.#options.random() * 18) * secondMs);
      signal.throwIfAborted();
      await this.#answer(signal);
      this.#prove(order.names);
      return this.#sign(order, kind);
    } finally {
      this.#openSets.delete(set);
    }
  }

  async renewalInfo(ariId: string, signal: AbortSignal): Promise<RenewalInfo | undefined> {
    await this.#answer(signal);
    const known = this.#byAriId.get(ariId);
    if (known === undefined) return undefined;
    const { start, end } = windowOf(known);
    const retryAfterMs = this.#options.ariRetryAfterMs;
    return { start, end, explanationUrl: undefined, retryAfterMs };
  }

  async revoke(chain: string, _reason: unknown, signal: AbortSignal): Promise<void> {
    await this.#answer(signal);
    const { serialNumber } = new X509Certificate(chain);
    const known = this.#byAriId.get(this.#ariIdOf(Number.parseInt(serialNumber, 16)));
    if (known === undefined) throw new AcmeError('acme.refused', 'It is not one of ours.');
    known.isRevoked = true;
  }

  /** Nobody answers while it is down: the caller finds out after his own patience of 15 s. */
  async #answer(signal: AbortSignal): Promise<void> {
    const now = this.#options.clock.now();
    if (!this.#options.outages.some(({ from, to }) => now >= from && now < to)) return;
    await this.#options.clock.sleep(15 * secondMs);
    signal.throwIfAborted();
    this.unanswered += 1;
    throw new AcmeError('acme.unreachable', 'Nobody answers there; the hub tries again by itself.');
  }

  /** What counts towards which limit, as Let's Encrypt has it: a replacement only within its window towards none. */
  #admit(order: AuthorityOrder, set: string): Signed['kind'] {
    const now = this.#options.clock.now();
    const former = this.#byAriId.get(order.replaces ?? '');
    if (order.replaces !== undefined && (former === undefined || former.isReplaced)) {
      throw new AcmeError('acme.refused', 'It was replaced already.');
    }
    if (former !== undefined) {
      const { start, end } = windowOf(former);
      former.isReplaced = true;
      if (now >= start && now < end) return 'replacement';
    }
    const kind = this.#certifiedSets.has(set) ? 'renewal' : 'new';
    const limit = this.limits.ordered(order.names, kind, now);
    if (limit === undefined) return kind;
    this.faults.push(`limit reached: ${limit}`);
    throw new AcmeError('acme.rate-limited', limit, { retryAfterMs: hourMs });
  }

  #prove(names: readonly string[]): void {
    const { clock, isProvable } = this.#options;
    for (const name of names) {
      if (isProvable(name, clock.now())) continue;
      this.limits.failed(name, clock.now());
      throw new AcmeError('acme.not-proved', `${name} leads elsewhere.`);
    }
  }

  /** RFC 9773 §4.1, for serials that are positive anyway. */
  #ariIdOf(serial: number): string {
    const bytes = Buffer.from(serial.toString(16), 'hex');
    return `${this.#ca.keyId.toString('base64url')}.${bytes.toString('base64url')}`;
  }

  #sign(order: AuthorityOrder, kind: Signed['kind']): string {
    const { clock, lifeMs } = this.#options;
    const at = clock.now();
    // Let's Encrypt dates an hour back, for clocks that are slow.
    const notBefore = new Date(Math.floor((at.getTime() - hourMs) / secondMs) * secondMs);
    const notAfter = new Date(notBefore.getTime() + lifeMs - secondMs);
    const { names } = order;
    if (kind !== 'replacement') this.limits.signed(names, kind, at);
    const serial = firstSerial + this.signed.length;
    const leaf = { names, publicKey: order.csr, notBefore, notAfter, serial };
    const chain = `${signLightLeaf(this.#ca, leaf)}${this.#ca.certificate}`;
    const signed = { names, at, notBefore, notAfter, kind, isReplaced: false, isRevoked: false };
    this.signed.push(signed);
    this.#byAriId.set(this.#ariIdOf(serial), signed);
    this.#certifiedSets.add(names.join(' '));
    return chain;
  }
}

/** As Boulder reckons it: two hundredths of the life, around the end of its second third. */
function windowOf({ notBefore, notAfter }: Signed): { start: Date; end: Date } {
  const life = notAfter.getTime() + secondMs - notBefore.getTime();
  const ideal = notAfter.getTime() - life / 3;
  const toSecond = (at: number): Date => new Date(Math.floor(at / secondMs) * secondMs);
  return { start: toSecond(ideal - life / 100), end: toSecond(ideal + life / 100) };
}
