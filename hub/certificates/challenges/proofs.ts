// An authority's question arrives at any door of any process; the proof leaves if the challenge is ours. Whoever else asks learns nothing.

import { createSecureContext, type SecureContext } from 'node:tls';

import type { Challenge, ChallengeStore } from './solver.ts';
import type { ProofCertificate } from './tls-alpn-01.ts';

export interface ProofsOptions {
  readonly store: Pick<ChallengeStore, 'findByToken' | 'findByName'>;
  /** createProofCertificate. */
  readonly makePair: (challenge: Challenge) => Promise<ProofCertificate>;
}

export class Proofs {
  readonly #options: ProofsOptions;
  readonly #contexts = new Map<string, Promise<SecureContext>>();
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(options: ProofsOptions) {
    this.#options = options;
  }

  /**
   * The body of an http-01 answer (RFC 8555 §8.3). Undefined: no such token, or it was made for another name.
   * @throws whatever the store throws
   */
  async ofToken(hostname: string, token: string): Promise<string | undefined> {
    if (!tokenPattern.test(token)) return undefined;
    const challenge = await this.#inTurn(async () => this.#options.store.findByToken(token));
    return challenge?.kind === 'http-01' && challenge.name === hostname
      ? challenge.keyAuthorization
      : undefined;
  }

  /** What a handshake for `acme-tls/1` is answered with. @throws whatever the store throws */
  async ofName(hostname: string): Promise<SecureContext | undefined> {
    const challenge = await this.#inTurn(async () =>
      this.#options.store.findByName('tls-alpn-01', hostname),
    );
    return challenge && this.#contextOf(challenge);
  }

  /** Authorities look from several places within a second or two. */
  async #contextOf(challenge: Challenge): Promise<SecureContext> {
    const { keyAuthorization } = challenge;
    const known = this.#contexts.get(keyAuthorization);
    if (known !== undefined) return known;
    const [oldest] = this.#contexts.keys();
    if (oldest !== undefined && this.#contexts.size >= maxContexts) this.#contexts.delete(oldest);
    const context = this.#options
      .makePair(challenge)
      .then(({ certificate: cert, key }) =>
        createSecureContext({ cert, key, minVersion: 'TLSv1.2' }),
      );
    this.#contexts.set(keyAuthorization, context);
    context.catch(() => this.#contexts.delete(keyAuthorization));
    return context;
  }

  /** A crowd of strangers that asks for made-up tokens waits here, and not in front of the database. */
  async #inTurn<Found>(find: () => Promise<Found | undefined>): Promise<Found | undefined> {
    if (this.#running >= maxRunning) {
      if (this.#waiting.length >= maxWaiting) return undefined;
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    } else this.#running += 1;
    try {
      return await find();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}

/** base64url without padding, of 128 bits at least (RFC 8555 §8.1); Let's Encrypt takes 43 characters. */
const tokenPattern = /^[\w-]{20,256}$/;

/** Names that are proved at once: an order has at most a hundred. */
const maxContexts = 100;

/** A look-up takes half a millisecond: four at a time are thousands a second, and leave the pool to agents and visitors. */
const maxRunning = 4;
const maxWaiting = 1000;
