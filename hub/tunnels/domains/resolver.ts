// Names arrive; what the machine's resolver, or the ones that were set, know about them leaves, within seconds whatever it does.

import { Resolver } from 'node:dns/promises';

import type { DnsQuestions } from './lookout.ts';

/** What a question may take of one resolver; it is asked twice. */
const timeoutMs = 2000;
/** However many resolvers there are, and whatever they send. */
const deadlineMs = 8000;
/** More would be an attack, and each becomes a question's worth of comparing. */
const maxAnswers = 64;

/**
 * Each question has sockets of its own: one that is answered with garbage takes along all that wait on the same connection,
 * and a stranger's name must not silence the hub's.
 */
export class ResolverQuestions implements DnsQuestions {
  readonly #servers: readonly string[] | undefined;

  /** Addresses, with a port where it is not 53; undefined: the machine's own, as they are at each question. */
  constructor(servers?: readonly string[]) {
    this.#servers = servers;
  }

  async texts(name: string, signal: AbortSignal): Promise<readonly string[] | undefined> {
    const records = await this.#ask((resolver) => resolver.resolveTxt(name), signal);
    // The strings of one record belong together (RFC 7208 §3.3).
    return records?.map((strings) => strings.join(''));
  }

  async aliases(name: string, signal: AbortSignal): Promise<readonly string[] | undefined> {
    return this.#ask((resolver) => resolver.resolveCname(name), signal);
  }

  async addresses(name: string, signal: AbortSignal): Promise<readonly string[] | undefined> {
    const [four, six] = await Promise.all([
      this.#ask((resolver) => resolver.resolve4(name), signal),
      this.#ask((resolver) => resolver.resolve6(name), signal),
    ]);
    return four === undefined || six === undefined ? undefined : [...four, ...six];
  }

  async #ask<Answer>(
    question: (resolver: Resolver) => Promise<Answer[]>,
    signal: AbortSignal,
  ): Promise<Answer[] | undefined> {
    if (signal.aborted) return undefined;
    const resolver = new Resolver({ timeout: timeoutMs, tries: 2, maxTimeout: timeoutMs });
    if (this.#servers !== undefined) resolver.setServers(this.#servers);
    // What is under way then ends with ECANCELLED.
    const giveUp = (): void => resolver.cancel();
    const timer = setTimeout(giveUp, deadlineMs);
    signal.addEventListener('abort', giveUp);
    try {
      return (await question(resolver)).slice(0, maxAnswers);
    } catch (error) {
      return meansNone.has((error as NodeJS.ErrnoException).code ?? '') ? [] : undefined;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', giveUp);
    }
  }
}

/** NXDOMAIN, and an answer without such a record. All else says nothing about the name. */
const meansNone = new Set(['ENOTFOUND', 'ENODATA']);
