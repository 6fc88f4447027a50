// Which resolvers there are arrives; questions about owners' domains leave, to them and, for what they do not know, to the zones' own servers.

import type { HubConfig } from '../config.ts';
import type { DnsQuestions } from '../tunnels/domains/lookout.ts';
import { ResolverQuestions } from '../tunnels/domains/resolver.ts';

export interface DomainQuestionsOptions extends Pick<
  HubConfig,
  'dnsResolvers' | 'asksResolversOnly'
> {
  /** Of all name servers; another than 53 in tests only, as NS records carry no port. */
  readonly serverPort?: number;
}

export function openDomainQuestions(options: DomainQuestionsOptions): DnsQuestions {
  const { dnsResolvers: resolvers, asksResolversOnly, serverPort } = options;
  const questions = new ResolverQuestions(resolvers);
  if (asksResolversOnly) return questions;
  return {
    texts: async (name, signal) => questions.texts(name, signal),
    aliases: async (name, signal) => questions.aliases(name, signal),
    addresses: async (name, signal) => questions.addresses(name, signal),
    freshTexts: async (name, signal) => {
      try {
        // Only now: a hub whose owners have no domains never asks a name server itself.
        const { Authoritative, txtValues } = await import('../certificates/dns/authoritative.ts');
        const authoritative = new Authoritative({ resolvers, serverPort });
        const patience = AbortSignal.any([signal, AbortSignal.timeout(freshPatienceMs)]);
        const found = await authoritative.find(name, 'TXT', patience);
        return txtValues(found.records, found.name);
      } catch {
        // Lame, silent or led in a circle: what the resolver says is all there is.
        return undefined;
      }
    },
  };
}

/** A stranger chooses which name servers these are, and how many of them are silent. */
const freshPatienceMs = 8000;
