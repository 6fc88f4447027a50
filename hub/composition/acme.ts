// HUB_TLS=acme and the stores arrive; a source of certificates leaves that gets and keeps them by itself, from authorities that find their proofs at our doors.

import { readFile } from 'node:fs/promises';

import type { ListenAddress, PortSharing } from '../../shared/listen-address.ts';
import type { Logger } from '../../shared/log.ts';
import { withCurrentSeal } from '../certificates/acme/account.ts';
import { AcmeAuthority } from '../certificates/acme/acme-authority.ts';
import type { AuthorityName } from '../certificates/acme/authority.ts';
import { Proofs } from '../certificates/challenges/proofs.ts';
import type { ChallengeKind } from '../certificates/challenges/solver.ts';
import { createProofCertificate } from '../certificates/challenges/tls-alpn-01.ts';
import type { PreflightOptions } from '../certificates/dns/preflight.ts';
import type { Responder } from '../certificates/dns/responder/responder.ts';
import { CertificateError } from '../certificates/failure.ts';
import type { AuthorityAccount } from '../certificates/life/certificate.ts';
import { LiveCertificates } from '../certificates/life/live.ts';
import { CertificateManager, type AttemptReport } from '../certificates/life/manager.ts';
import type { KeyRing } from '../certificates/life/sealing.ts';
import type { WishSettings } from '../certificates/life/wishes.ts';
import type { HubConfig } from '../config.ts';
import { openNameProofs, startResponder } from './name-proofs.ts';
import type { AcmeTls, AuthoritySettings } from '../settings/acme.ts';
import type { Stores } from './stores.ts';
import { WishedCertificates } from './wished-certificates.ts';

export interface AcmeOptions {
  readonly config: HubConfig;
  readonly tls: AcmeTls;
  readonly stores: Stores;
  readonly keyRing: KeyRing;
  readonly log: Logger;
  /** Of the responder's port. */
  readonly sharing: PortSharing;
  readonly onAttempt?: (report: AttemptReport) => void;
}

export class AcmeCertificates {
  readonly source: LiveCertificates;
  /** What authorities ask at the doors. */
  readonly proofs: Proofs;
  readonly manager: CertificateManager;
  /** Undefined where others answer for the hub's zones. */
  readonly responder: Responder | undefined;
  readonly #options: AcmeOptions;
  readonly #wished: WishedCertificates;

  /** Serves what the store holds. @throws CertificateError, AcmeError, DnsError, ListenError */
  static async open(options: AcmeOptions): Promise<AcmeCertificates> {
    const { stores, keyRing, log } = options;
    await resealAccounts(options, keyRing);
    const responder = await startResponder(options);
    const closers: (() => Promise<void>)[] = [async () => responder?.stop()];
    try {
      const source = await LiveCertificates.open({ store: stores.certificates, keyRing, log });
      closers.push(async () => source.stop());
      return new AcmeCertificates(options, {
        source,
        responder,
        keyRing,
        authorities: await openAuthorities(options, keyRing),
      });
    } catch (error) {
      for (const close of closers) await close();
      throw error;
    }
  }

  private constructor(
    options: AcmeOptions,
    parts: {
      readonly source: LiveCertificates;
      readonly responder: Responder | undefined;
      readonly keyRing: KeyRing;
      readonly authorities: ReadonlyMap<AuthorityName, AcmeAuthority>;
    },
  ) {
    const { config, tls, stores, log } = options;
    const { source, responder, keyRing, authorities } = parts;
    this.#options = options;
    this.responder = responder;
    this.source = source;
    this.proofs = new Proofs({ store: stores.challenges, makePair: createProofCertificate });
    const { solverFor, preflight } = openNameProofs({
      config,
      tls,
      stores,
      responder,
      standingOf: standingAt(authorities),
    });
    this.manager = new CertificateManager({
      store: stores.certificates,
      orders: stores.orders,
      authorities,
      fallback: tls.fallback?.directoryUrl,
      solverFor,
      keyRing,
      preflight: async (wish, signal) => preflight.assertReady(wish, signal),
      log,
      ...(options.onAttempt === undefined ? {} : { onAttempt: options.onAttempt }),
    });
    this.#wished = new WishedCertificates({
      settings: wishSettings(config, tls),
      second: tls.fallback?.directoryUrl,
      stores,
      onWishes: async (wishes, labels) => this.manager.wishFor(wishes, labels),
      log,
    });
  }

  /** Once the doors are open: authorities come through them. */
  async start(): Promise<void> {
    this.#sayWhatIsMissing();
    await this.#wished.start();
    await this.manager.start();
  }

  /** Before the hub drains: another process may have begun with other settings, and two that wish differently undo each other's work. */
  async stopOrdering(): Promise<void> {
    await this.#wished.stop();
    await this.manager.stop();
  }

  /** When nobody comes any more. */
  async stop(): Promise<void> {
    await this.source.stop();
    await this.responder?.stop();
  }

  /** A first start: nothing is broken, and the operator sees what the hub waits for. */
  #sayWhatIsMissing(): void {
    const { config, tls, log } = this.#options;
    const { hubHost } = config;
    if (this.source.find(hubHost) !== undefined) return;
    log.warn(
      {
        hubHost,
        authority: tls.authority.directoryUrl,
        challenge: tls.challenge,
        needs: needs[tls.challenge](config),
      },
      'no certificate yet, visitors and agents are turned away until the first one is there',
    );
  }
}

/** What has to be true for the authority to find its proof. */
const needs: Record<ChallengeKind, (config: HubConfig) => string> = {
  'http-01': ({ hubHost, httpListen }) =>
    `the authority asks http://${hubHost} on port 80${ledTo(80, httpListen)}`,
  'tls-alpn-01': ({ hubHost, httpsListen }) =>
    `the authority asks ${hubHost} on port 443${ledTo(443, httpsListen)}`,
  'dns-01': ({ hubHost, tenantDomain }) =>
    `the authority asks the DNS for TXT of _acme-challenge.${hubHost} and _acme-challenge.${tenantDomain}`,
};

function ledTo(asked: number, listened: ListenAddress | undefined): string {
  return listened === undefined || listened.port === asked
    ? ''
    : `, which has to be led to port ${listened.port} of this machine`;
}

export function wishSettings(
  { hubHost, tenantDomain }: Pick<HubConfig, 'hubHost' | 'tenantDomain'>,
  { authority, profile, challenge, domainChallenge }: AcmeTls,
): WishSettings {
  const { directoryUrl } = authority;
  return { hubHost, tenantDomain, authority: directoryUrl, profile, challenge, domainChallenge };
}

/** Also of the second authority, from which nothing may be ordered for years. */
export async function resealAccounts(
  {
    tls,
    stores,
    log,
  }: Pick<AcmeOptions, 'log'> & {
    readonly tls: Pick<AcmeTls, 'authority' | 'fallback'>;
    readonly stores: Pick<Stores, 'authorityAccounts'>;
  },
  keyRing: KeyRing,
): Promise<void> {
  for (const account of await storedAccounts(tls, stores)) {
    await withCurrentSeal(account, { store: stores.authorityAccounts, seal: keyRing }).catch(
      (error) =>
        // What is held is served all the same; orders say what to do.
        log.warn({ err: error, authority: account.authority }, 'account key not sealed anew'),
    );
  }
}

/** At the authorities of the settings. */
export async function storedAccounts(
  { authority, fallback }: Pick<AcmeTls, 'authority' | 'fallback'>,
  { authorityAccounts }: Pick<Stores, 'authorityAccounts'>,
): Promise<AuthorityAccount[]> {
  const set = [authority, fallback].filter((one) => one !== undefined);
  const found = await Promise.all(set.map(async (one) => authorityAccounts.find(one.directoryUrl)));
  return found.filter((account) => account !== undefined);
}

/** The one for all certificates first, then the one for when it fails. @throws CertificateError, AcmeError */
export async function openAuthorities(
  {
    tls,
    stores,
    log,
  }: Pick<AcmeOptions, 'tls' | 'log'> & { readonly stores: Pick<Stores, 'authorityAccounts'> },
  keyRing: KeyRing,
): Promise<Map<AuthorityName, AcmeAuthority>> {
  const authorities = new Map<AuthorityName, AcmeAuthority>();
  for (const settings of [tls.authority, tls.fallback]) {
    if (settings === undefined) continue;
    const authority = new AcmeAuthority({
      directoryUrl: settings.directoryUrl,
      accounts: stores.authorityAccounts,
      keyRing,
      contact: settings.email,
      // The settings are refused without it.
      agreesToTerms: true,
      externalAccount: accountOf(settings),
      trust: await trustOf(settings),
      log,
    });
    authorities.set(authority.name, authority);
  }
  return authorities;
}

/** What is known of an authority that is not set any more is nothing. */
export function standingAt(
  authorities: ReadonlyMap<AuthorityName, AcmeAuthority>,
): PreflightOptions['standingOf'] {
  const unknown = { identities: [], accountUrl: undefined };
  return async (name, signal) => authorities.get(name)?.standing(signal) ?? unknown;
}

function accountOf({ externalAccount }: AuthoritySettings) {
  return (
    externalAccount && {
      kid: externalAccount.kid,
      hmacKey: externalAccount.hmacKey.reveal(),
    }
  );
}

async function trustOf({ caFile }: AuthoritySettings): Promise<string | undefined> {
  if (caFile === undefined) return undefined;
  try {
    return await readFile(caFile, 'utf8');
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new CertificateError(
      'certificate.unreadable',
      `${caFile} cannot be read (${reason}); set HUB_ACME_CA_FILE to the PEM file of the authority's root, readable by the hub's user.`,
      { cause: error },
    );
  }
}
