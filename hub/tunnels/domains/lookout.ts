// A hostname arrives; what the DNS says about it leaves: whether its proofs are there, and whether visitors are led to this hub.

import { parseAddress } from '../../../shared/net-address.ts';
import { proofNameOf, proofPrefix, proofValueOf } from './domain.ts';
import type { OwnNames } from './domain-name.ts';
import type { Observation } from './judgement.ts';

/**
 * Questions to the DNS. An empty list: there is no such record, or no such name. `undefined`: no usable answer within a few
 * seconds, or before the signal. Never rejects.
 */
export interface DnsQuestions {
  texts(name: string, signal: AbortSignal): Promise<readonly string[] | undefined>;
  aliases(name: string, signal: AbortSignal): Promise<readonly string[] | undefined>;
  /** Past every cache, from the zone's own name servers. Not there: nobody can ask them. */
  freshTexts?(name: string, signal: AbortSignal): Promise<readonly string[] | undefined>;
  /** IPv4 and IPv6, through aliases. `undefined` also when one of the two was not answered. */
  addresses(name: string, signal: AbortSignal): Promise<readonly string[] | undefined>;
}

export interface Expectation {
  /** Where this hub told people to point the hostname; names of ours. */
  readonly targets: readonly string[];
  readonly tokens: readonly string[];
}

export interface LookoutOptions {
  readonly questions: DnsQuestions;
  readonly own: OwnNames;
  readonly now?: () => Date;
}

/** A stranger's record set may hold thousands; two owners who hand a domain over need two. */
const maxProofs = 50;
const maxStrangers = 4;
/** A new address of the hub's is believed as soon as an ordinary record's life is over. */
const ownLifeMs = 60_000;
const maxOwnNames = 1000;

export class Lookout {
  readonly #questions: DnsQuestions;
  readonly #own: OwnNames;
  readonly #now: () => Date;
  /** In the order of asking. */
  readonly #ownAddresses = new Map<
    string,
    { readonly untilMs: number; readonly answer: Promise<readonly string[] | undefined> }
  >();

  constructor(options: LookoutOptions) {
    this.#questions = options.questions;
    this.#own = options.own;
    this.#now = options.now ?? (() => new Date());
  }

  async look(
    hostname: string,
    { targets, tokens }: Expectation,
    signal: AbortSignal,
  ): Promise<Observation> {
    const at = this.#now();
    const [proofs, aliases, addresses, hubAddresses] = await Promise.all([
      this.#proofs(proofNameOf(hostname), tokens, signal),
      this.#questions.aliases(hostname, signal),
      this.#questions.addresses(hostname, signal),
      this.ownAddresses(this.#own.hubHost, signal),
    ]);
    const way = aliases?.some((alias) => this.#isOwn(alias))
      ? wayByAlias(addresses)
      : await this.#wayByAddress(addresses, [this.#own.hubHost, ...targets], signal);
    return { at, proofs, ...way, isSound: hubAddresses !== undefined };
  }

  /**
   * Resolvers are asked first: they check signatures (RFC 4035). But they remember for an hour that a record was not there,
   * and people look at the hub, not at their resolver, after they have set it: what is missed is asked for at its source.
   */
  async #proofs(
    name: string,
    tokens: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly string[] | undefined> {
    const proofs = proofsIn(await this.#questions.texts(name, signal));
    const isAsExpected = tokens.every((token) => proofs?.includes(proofValueOf(token)));
    if (isAsExpected || this.#questions.freshTexts === undefined) return proofs;
    return proofsIn(await this.#questions.freshTexts(name, signal)) ?? proofs;
  }

  /** What a name of ours resolves to, asked for once a minute. */
  ownAddresses(name: string, signal: AbortSignal): Promise<readonly string[] | undefined> {
    const nowMs = this.#now().getTime();
    const known = this.#ownAddresses.get(name);
    if (known !== undefined && known.untilMs > nowMs) return known.answer;
    const answer = this.#questions.addresses(name, signal);
    this.#ownAddresses.delete(name);
    this.#ownAddresses.set(name, { untilMs: nowMs + ownLifeMs, answer });
    void answer.then((addresses) => {
      // Silence is asked again at the next look.
      if (addresses === undefined) this.#ownAddresses.delete(name);
    });
    const [oldest] = this.#ownAddresses.keys();
    if (oldest !== undefined && this.#ownAddresses.size > maxOwnNames) {
      this.#ownAddresses.delete(oldest);
    }
    return answer;
  }

  /** Every address has to be the hub's: one that is not takes its share of the visitors, and the authority's question. */
  async #wayByAddress(
    addresses: readonly string[] | undefined,
    names: readonly string[],
    signal: AbortSignal,
  ): Promise<Way> {
    if (addresses === undefined) return { way: 'unanswered', strangers: [] };
    if (addresses.length === 0) return { way: 'nowhere', strangers: [] };
    let strangers = addresses.map(canonical);
    let hasSilence = false;
    for (const name of names) {
      const own = await this.ownAddresses(name, signal);
      hasSilence ||= own === undefined;
      const ours = new Set(own?.map(canonical));
      strangers = strangers.filter((address) => !ours.has(address));
      if (strangers.length === 0) return { way: 'here', strangers };
    }
    if (hasSilence) return { way: 'unanswered', strangers: [] };
    return { way: 'elsewhere', strangers: strangers.slice(0, maxStrangers) };
  }

  #isOwn(alias: string): boolean {
    const name = alias.toLowerCase().replace(/\.$/, '');
    const { hubHost, tenantDomain } = this.#own;
    return name === hubHost || name === tenantDomain || name.endsWith(`.${tenantDomain}`);
  }
}

type Way = Pick<Observation, 'way' | 'strangers'>;

/** A record that points to a name of ours follows us wherever we move; it only has to lead somewhere. */
function wayByAlias(addresses: readonly string[] | undefined): Way {
  const way = addresses === undefined ? 'unanswered' : addresses.length === 0 ? 'nowhere' : 'here';
  return { way, strangers: [] };
}

/** Some panels store the quotes that people copy along. */
function proofsIn(texts: readonly string[] | undefined): string[] | undefined {
  return texts
    ?.map((text) => text.trim().replaceAll(/^"|"$/g, ''))
    .filter((text) => text.startsWith(proofPrefix) && text.length < 100)
    .slice(0, maxProofs);
}

function canonical(address: string): string {
  return parseAddress(address) ?? address;
}
