// An authority's directory and an account's key arrive; acme-client leaves, speaking through our exchange and failing in our words.

// Inside acme-client, @peculiar/x509 expects whoever imports it to bring the polyfill.
import 'reflect-metadata';
import { Client } from 'acme-client';

import type { Directory } from './directory.ts';
import type { Answer, Exchange } from './exchange.ts';
import { AcmeError, parseProblem } from './problem.ts';
import { requestRefused } from './refusal.ts';
import { retryAfterMs } from './retry-after.ts';

export interface ExternalAccount {
  readonly kid: string;
  /** base64url, as authorities hand it out. */
  readonly hmacKey: string;
}

export interface ConversationOptions {
  readonly exchange: Exchange;
  readonly directory: Directory;
  /** PEM. */
  readonly accountKey: string;
  readonly accountUrl: string | undefined;
  readonly externalAccount?: ExternalAccount | undefined;
  readonly signal: AbortSignal;
  readonly now: () => Date;
}

export class Conversation {
  readonly directory: Directory;
  readonly signal: AbortSignal;
  readonly now: () => Date;
  readonly #client: Client;
  #lastRetryAfterMs: number | undefined;
  #refusedNonce: AcmeError | undefined;

  constructor(options: ConversationOptions) {
    this.directory = options.directory;
    this.signal = options.signal;
    this.now = options.now;
    this.#client = new Client({
      directoryUrl: options.directory.url,
      accountKey: options.accountKey,
      ...(options.accountUrl === undefined ? {} : { accountUrl: options.accountUrl }),
      ...(options.externalAccount === undefined
        ? {}
        : { externalAccountBinding: { ...options.externalAccount } }),
    });
    this.#divert(options.exchange);
  }

  /** What the authority's last answer said about asking again. */
  get lastAnswer(): { readonly retryAfterMs: number | undefined } {
    return { retryAfterMs: this.#lastRetryAfterMs };
  }

  /** @throws AcmeError, or the signal's reason; never what acme-client trips over when an answer is not what it expects */
  async ask<Told>(question: (client: Client) => Promise<Told>): Promise<Told> {
    try {
      return await question(this.#client);
    } catch (error) {
      this.signal.throwIfAborted();
      if (error instanceof AcmeError) throw error;
      throw this.#refusedNonce ?? this.badAnswer('an unexpected answer', error);
    }
  }

  badAnswer(what: string, cause?: unknown): AcmeError {
    const message = `${this.directory.host} gives ${what}, which RFC 8555 does not know; the hub tries again by itself.`;
    return new AcmeError('acme.bad-answer', message, { cause });
  }

  /**
   * A refused nonce goes back to acme-client, which signs anew with the fresh one that came with the refusal (RFC 8555
   * §6.5); everything else that is refused ends here, while its type and Retry-After are still there.
   */
  #divert(exchange: Exchange): void {
    const wire = (this.#client as unknown as { http: Wire }).http;
    wire.maxBadNonceRetries = maxNonceRetries;
    wire.request = async (url, method, options) => {
      if (url === this.directory.url) return this.#knownDirectory();
      const answer = await exchange.request(url, method, options?.data, this.signal);
      const { status, headers } = answer;
      this.#lastRetryAfterMs = retryAfterMs(headers, this.now());
      this.#refusedNonce = undefined;
      if (status < 400) return answer;
      const problem = parseProblem(answer.data);
      const refusal = { status, problem, retryAfterMs: this.#lastRetryAfterMs };
      const error = requestRefused(this.directory, refusal);
      if (error.code !== 'acme.nonce') throw error;
      this.#refusedNonce = error;
      return answer;
    };
  }

  #knownDirectory(): Answer {
    return { status: 200, headers: {}, data: this.directory.document };
  }
}

/** What acme-client 5.4.0 keeps in each client and does not declare. Its version is pinned; authority.test.ts holds this. */
interface Wire {
  maxBadNonceRetries: number;
  request(url: string, method: string, options?: { readonly data?: unknown }): Promise<Answer>;
}

/** An authority that loses half of its nonces refuses twenty in a row once in a million requests. */
const maxNonceRetries = 20;
