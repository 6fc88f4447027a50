// Orders arrive at an authority; refusals leave, by the token buckets that Let's Encrypt publishes, and how near each came to empty.

import { registeredDomain } from '../../hub/certificates/life/budget.ts';

/** The smallest number of tokens that any bucket of a kind was left with. */
export interface Headroom {
  orders: number;
  domains: number;
  nameSets: number;
  failures: number;
}

const hourMs = 3_600_000;
const weekMs = 7 * 24 * hourMs;

/** Filled again drop by drop: the whole capacity within the period. */
class Bucket {
  readonly #capacity: number;
  readonly #periodMs: number;
  #tokens: number;
  #at = 0;

  constructor(capacity: number, periodMs: number) {
    this.#capacity = capacity;
    this.#periodMs = periodMs;
    this.#tokens = capacity;
  }

  left(now: number): number {
    const gained = ((now - this.#at) * this.#capacity) / this.#periodMs;
    this.#tokens = Math.min(this.#capacity, this.#tokens + gained);
    this.#at = now;
    return this.#tokens;
  }

  take(now: number): number {
    this.#tokens = this.left(now) - 1;
    return this.#tokens;
  }
}

export class PublishedLimits {
  readonly headroom: Headroom = { orders: 300, domains: 50, nameSets: 5, failures: 5 };
  readonly #orders = new Bucket(300, 3 * hourMs);
  readonly #domains = new Map<string, Bucket>();
  readonly #nameSets = new Map<string, Bucket>();
  readonly #failures = new Map<string, Bucket>();

  /** Undefined: the order may be made, and counts. Otherwise the limit that is reached. */
  ordered(names: readonly string[], kind: 'new' | 'renewal', at: Date): string | undefined {
    const now = at.getTime();
    if (names.some((name) => this.#failuresOf(name).left(now) < 1)) return 'failed validations';
    if (this.#nameSetOf(names).left(now) < 1) return 'certificates of a set of names';
    if (kind === 'renewal') return undefined;
    const isFull = this.#domainsOf(names).some((bucket) => bucket.left(now) < 1);
    if (isFull) return 'certificates of a domain';
    if (this.#orders.left(now) < 1) return 'orders of an account';
    this.#note('orders', this.#orders.take(now));
    return undefined;
  }

  /** Only what was signed counts towards these. */
  signed(names: readonly string[], kind: 'new' | 'renewal', at: Date): void {
    const now = at.getTime();
    this.#note('nameSets', this.#nameSetOf(names).take(now));
    if (kind === 'renewal') return;
    for (const bucket of this.#domainsOf(names)) this.#note('domains', bucket.take(now));
  }

  failed(name: string, at: Date): void {
    this.#note('failures', this.#failuresOf(name).take(at.getTime()));
  }

  #nameSetOf(names: readonly string[]): Bucket {
    return bucketOf(this.#nameSets, names.join(' '), () => new Bucket(5, weekMs));
  }

  #domainsOf(names: readonly string[]): Bucket[] {
    const domains = [...new Set(names.map(registeredDomain))];
    return domains.map((domain) => bucketOf(this.#domains, domain, () => new Bucket(50, weekMs)));
  }

  #failuresOf(name: string): Bucket {
    return bucketOf(this.#failures, name, () => new Bucket(5, hourMs));
  }

  #note(kind: keyof Headroom, left: number): void {
    this.headroom[kind] = Math.min(this.headroom[kind], left);
  }
}

function bucketOf(buckets: Map<string, Bucket>, key: string, make: () => Bucket): Bucket {
  const bucket = buckets.get(key) ?? make();
  buckets.set(key, bucket);
  return bucket;
}
