// Settings and stores arrive; the checker of owners' domains leaves, for the hub that runs it and the command that asks it once.

import type { Logger } from '../../shared/log.ts';
import type { Audit } from '../audit/audit.ts';
import { noteDomain } from './audited.ts';
import type { HubConfig } from '../config.ts';
import { openDomainQuestions } from './domain-questions.ts';
import type { Stores } from './stores.ts';
import { DomainChecker } from '../tunnels/domains/checker.ts';
import type { DomainClaim, DomainState } from '../tunnels/domains/domain.ts';
import { Lookout } from '../tunnels/domains/lookout.ts';
import { sentenceOf, type Destination } from '../tunnels/domains/sentence.ts';
import { hostnameOf } from '../tunnels/hostname.ts';

export interface DomainChecks {
  readonly checker: DomainChecker;
  /** Where domains of this server have to lead. */
  destinationOf(serverId: string): Promise<Destination>;
}

export function openDomainChecks(
  config: HubConfig,
  stores: Stores,
  { log, audit }: { log: Logger; audit: Audit },
): DomainChecks {
  const { hubHost, tenantDomain, domainLimits: limits } = config;
  const lookout = new Lookout({
    questions: openDomainQuestions(config),
    own: { hubHost, tenantDomain },
  });
  const targetOf = async (serverId: string): Promise<string> => {
    const label = (await stores.servers.find(serverId))?.label;
    return label === undefined ? hubHost : hostnameOf(label, tenantDomain);
  };
  const checker = new DomainChecker({
    store: stores.domains,
    lookout,
    limits,
    targetOf,
    onChange: (claim, former) => {
      tell(log, claim, former, sentenceOf(claim, limits));
      noteDomain(audit, claim);
    },
    onFailure: (error) => log.error({ err: error }, 'domains could not be checked'),
  });
  return {
    checker,
    destinationOf: async (serverId) => {
      const hostname = await targetOf(serverId);
      const addresses = await lookout.ownAddresses(hostname, AbortSignal.timeout(patienceMs));
      return { hostname, addresses: addresses ?? [] };
    },
  };
}

/** A person waits for the command; without addresses he is told the CNAME alone. */
const patienceMs = 5000;

function tell(log: Logger, claim: DomainClaim, former: DomainState, why: string): void {
  const { hostname, serverId, state } = claim;
  const level = state === 'active' ? 'info' : 'warn';
  log[level]({ hostname, serverId, state, former, why }, 'domain changed');
}
