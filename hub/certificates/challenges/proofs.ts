// An authority's question arrives at any door of any process; the proof leaves if the challenge is ours. Whoever else asks learns nothing.

import { createSecureContext, type SecureContext } from 'node:tls';

import type { Challenge, ChallengeStore } from './solver.ts';
import type { ProofCertificate } from './tls-alpn-01.ts';

export interface ProofsOptions {
  readonly store: Pick<ChallengeStore, 'listOpen'>;
  /** createProofCertificate. */
  readonly makePair: (challenge: Challenge) => Promise<ProofCertificate>;
}

export class Proofs {
  readonly #options: ProofsOptions;
  readonly #contexts = new Map<string, Promise<SecureContext>>();
  /** Ends when the look that is under way has ended, however. */
  #looking: Promise<unknown> = Promise.resolve();
  #nextLook: Promise<readonly Challenge[]> | undefined;

  constructor(options: ProofsOptions) {
    this.#options = options;
  }

  /**
   * The body of an http-01 answer (RFC 8555 §8.3). Undefined: no such token, or it was made for another name.
   * @throws whatever the store throws
   */
  async ofToken(hostname: string, token: string): Promise<string | undefined> {
    if (!tokenPattern.test(token)) return undefined;
    const open = await this.#open();
    return open.find(
      ({ kind, name, token: own }) => kind === 'http-01' && name === hostname && own === token,
    )?.keyAuthorization;
  }

  /** What a handshake for `acme-tls/1` is answered with. @throws whatever the store throws */
  async ofName(hostname: string): Promise<SecureContext | undefined> {
    const open = await this.#open();
    const challenge = open.find(({ kind, name }) => kind === 'tls-alpn-01' && name === hostname);
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

  /**
   * One look at the store at a time answers all who asked before it began: a crowd of strangers with made-up tokens costs the
   * database no more than one of them, and the authority among them waits for two looks at most.
   */
  async #open(): Promise<readonly Challenge[]> {
    this.#nextLook ??= this.#looking.then(async () => this.#look());
    return this.#nextLook;
  }

  async #look(): Promise<readonly Challenge[]> {
    // Whoever asks from here on may ask for what is put from here on.
    this.#nextLook = undefined;
    const open = this.#options.store.listOpen();
    this.#looking = open.catch(() => undefined);
    return open;
  }
}

/** base64url without padding, of 128 bits at least (RFC 8555 §8.1); Let's Encrypt takes 43 characters. */
const tokenPattern = /^[\w-]{20,256}$/;

/** Names that are proved at once: an order has at most a hundred. */
const maxContexts = 100;
