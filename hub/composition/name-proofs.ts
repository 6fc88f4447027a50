// Settings and stores arrive; the ways leave by which the hub proves a name to an authority: over its own ports, or in the DNS.

import type { PortSharing } from '../../shared/listen-address.ts';
import type { Logger } from '../../shared/log.ts';
import { DnsSolver } from '../certificates/challenges/dns-01.ts';
import { HttpSolver } from '../certificates/challenges/http-01.ts';
import type { ChallengeKind, Solver } from '../certificates/challenges/solver.ts';
import { TlsAlpnSolver } from '../certificates/challenges/tls-alpn-01.ts';
import { Authoritative } from '../certificates/dns/authoritative.ts';
import { Preflight, type PreflightOptions } from '../certificates/dns/preflight.ts';
import { Propagation } from '../certificates/dns/propagation.ts';
import type { DnsProvider } from '../certificates/dns/provider.ts';
import { openDnsProvider } from '../certificates/dns/providers.ts';
import { ResponderProvider } from '../certificates/dns/responder/responder-provider.ts';
import { ResponderListenError } from '../certificates/dns/responder/responder-thread.ts';
import { Responder } from '../certificates/dns/responder/responder.ts';
import type { ResponderSettings } from '../certificates/dns/responder/settings.ts';
import { CertificateError } from '../certificates/failure.ts';
import type { HubConfig } from '../config.ts';
import { listenFailure } from '../doors/listen-failure.ts';
import type { AcmeTls } from '../settings/acme.ts';
import type { DnsSettings, ResponderSettings as OperatorsWords } from '../settings/dns.ts';
import type { Stores } from './stores.ts';

export interface NameProofs {
  readonly solverFor: (kind: ChallengeKind) => Solver;
  /** What an order would stumble over in the DNS. */
  readonly preflight: Preflight;
}

export interface NameProofsOptions {
  readonly config: ProvingConfig;
  readonly tls: AcmeTls;
  readonly stores: Pick<Stores, 'challenges' | 'txtRecords'>;
  readonly standingOf: PreflightOptions['standingOf'];
  /** This process's own; a command beside the hub has none, and the hub's answers with what it stores. */
  readonly responder?: Responder | undefined;
}

type ProvingConfig = Pick<
  HubConfig,
  'hubHost' | 'tenantDomain' | 'dnsResolvers' | 'asksResolversOnly'
>;

/** @throws DnsError dns.misconfigured */
export function openNameProofs(options: NameProofsOptions): NameProofs {
  const { config, tls, stores, responder, standingOf } = options;
  const { dnsResolvers: resolvers, asksResolversOnly } = config;
  const authoritative = new Authoritative({ resolvers, asksResolversOnly });
  const propagation = new Propagation(authoritative);
  const provider = tls.dns && openProvider(config, tls.dns.provider, stores, responder);
  const solvers: Partial<Record<ChallengeKind, Solver>> = {
    'http-01': new HttpSolver(stores.challenges),
    'tls-alpn-01': new TlsAlpnSolver({ store: stores.challenges }),
    ...(provider && {
      'dns-01': new DnsSolver({
        provider,
        aliases: authoritative,
        visibility: propagation,
        store: stores.challenges,
      }),
    }),
  };
  return {
    preflight: new Preflight({ authoritative, propagation, provider, standingOf }),
    solverFor(kind) {
      const solver = solvers[kind];
      if (solver !== undefined) return solver;
      throw new CertificateError(
        'certificate.unexpected',
        `Nobody writes the records for ${kind}: set HUB_DNS_PROVIDER again, or choose another HUB_ACME_CHALLENGE.`,
      );
    },
  };
}

/** Undefined: the zones are somebody else's. @throws ListenError listen.*, or what the store throws */
export async function startResponder(options: {
  readonly config: Pick<HubConfig, 'hubHost' | 'tenantDomain'>;
  readonly tls: AcmeTls;
  readonly stores: Pick<Stores, 'txtRecords'>;
  readonly sharing: PortSharing;
  readonly log: Logger;
}): Promise<Responder | undefined> {
  const { config, tls, stores, sharing, log } = options;
  const words = tls.dns?.provider;
  if (words?.kind !== 'responder') return undefined;
  const settings = responderSettings(config, words);
  try {
    return await Responder.start({ settings, store: stores.txtRecords, sharing, log });
  } catch (error) {
    if (!(error instanceof ResponderListenError)) throw error;
    const { place } = error.refusal;
    throw listenFailure(error.refusal, 'HUB_DNS_RESPONDER_LISTEN', place);
  }
}

function openProvider(
  config: Pick<HubConfig, 'hubHost' | 'tenantDomain'>,
  words: DnsSettings['provider'],
  stores: Pick<Stores, 'txtRecords'>,
  responder: Responder | undefined,
): DnsProvider {
  if (words.kind !== 'responder') return openDnsProvider(words);
  const settings = responderSettings(config, words);
  return new ResponderProvider({ settings, store: stores.txtRecords, responder });
}

/** It answers for the proofs, and where the operator delegated them, for the addresses of the hub and its servers too. */
function responderSettings(
  { hubHost, tenantDomain }: Pick<HubConfig, 'hubHost' | 'tenantDomain'>,
  { listen, zones, serverName, addresses, caa, texts }: OperatorsWords,
): ResponderSettings {
  return {
    listen,
    zones,
    nameServers: [{ name: serverName ?? hubHost, addresses }],
    caa,
    texts,
    hosts: { names: [hubHost], domain: tenantDomain, addresses },
  };
}
