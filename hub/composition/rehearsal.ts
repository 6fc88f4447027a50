// A wish for a certificate arrives; whether an order for it would succeed leaves: the DNS is looked at, and the order is placed where it does not count.

import { Buffer } from 'node:buffer';
import { readFile } from 'node:fs/promises';

import { CodedError } from '../../shared/errors.ts';
import type { Logger } from '../../shared/log.ts';
import { openAuthorities, standingAt } from './acme.ts';
import { AcmeAuthority } from '../certificates/acme/acme-authority.ts';
import type { AuthorityName } from '../certificates/acme/authority.ts';
import { createKeyAndCsr } from '../certificates/acme/csr.ts';
import type { Finding } from '../certificates/dns/finding.ts';
import type {
  AccountStore,
  AuthorityAccount,
  CertificateWish,
} from '../certificates/life/certificate.ts';
import type { HubConfig } from '../config.ts';
import { openKeyRing } from './key-ring.ts';
import { openNameProofs } from './name-proofs.ts';
import { stagingOf, type AcmeTls } from '../settings/acme.ts';
import type { Stores } from './stores.ts';

export interface RehearsalOptions {
  readonly config: HubConfig;
  readonly tls: AcmeTls;
  readonly stores: Pick<
    Stores,
    'authorityAccounts' | 'certificates' | 'challenges' | 'sealed' | 'txtRecords'
  >;
  readonly log: Logger;
}

export interface Rehearsal {
  readonly wish: CertificateWish;
  readonly findings: readonly Finding[];
  /** Where the order was placed; undefined: nowhere, since a finding stands in its way, or there is no place to rehearse. */
  readonly authority: AuthorityName | undefined;
  /** Why the order failed. */
  readonly error: CodedError | undefined;
}

/** Nothing of it is kept: neither the account nor the certificate. @throws what is wrong with settings or stores */
export async function rehearse(
  wish: CertificateWish,
  options: RehearsalOptions,
  signal: AbortSignal,
): Promise<Rehearsal> {
  const { config, tls, stores } = options;
  const authorities = await openAuthorities(options, await openKeyRing(config, stores));
  const { preflight, solverFor } = openNameProofs({
    config,
    tls,
    stores,
    standingOf: standingAt(authorities),
  });
  const nothing = { wish, authority: undefined, error: undefined };
  try {
    const findings = await preflight.check(wish, signal);
    const directoryUrl = stagingOf(wish.authority);
    const isBlocked = findings.some(({ severity }) => severity === 'blocks');
    if (isBlocked || directoryUrl === undefined) return { ...nothing, findings };
    const authority = await understudy(directoryUrl, options);
    const error = await order(authority, wish, solverFor(wish.challenge), signal);
    return { wish, findings, authority: directoryUrl, error };
  } catch (error) {
    if (error instanceof CodedError) return { ...nothing, findings: [], error };
    throw error;
  }
}

async function order(
  authority: AcmeAuthority,
  { names, keyKind, profile }: CertificateWish,
  solver: Parameters<AcmeAuthority['obtain']>[1],
  signal: AbortSignal,
): Promise<CodedError | undefined> {
  const { csr } = await createKeyAndCsr(names, keyKind);
  try {
    const chain = await authority.obtain(
      { names, csr, profile, replaces: undefined },
      solver,
      signal,
    );
    // Its key is gone with this function.
    await authority.revoke(chain, 'cessationOfOperation', signal);
    return undefined;
  } catch (error) {
    if (error instanceof CodedError) return error;
    throw error;
  }
}

/** The authority's staging, with an account for this one order. */
async function understudy(
  directoryUrl: string,
  { tls, log }: RehearsalOptions,
): Promise<AcmeAuthority> {
  const played = [tls.authority, tls.fallback].find((one) => one?.directoryUrl === directoryUrl);
  const { email, caFile } = tls.authority;
  return new AcmeAuthority({
    directoryUrl,
    accounts: new OneAccount(),
    keyRing: {
      seal: (text) => Buffer.from(text),
      open: (sealed) => sealed.toString(),
      isCurrent: () => true,
    },
    contact: email,
    agreesToTerms: true,
    externalAccount: played?.externalAccount && {
      kid: played.externalAccount.kid,
      hmacKey: played.externalAccount.hmacKey.reveal(),
    },
    trust: caFile === undefined ? undefined : await readFile(caFile, 'utf8'),
    log,
  });
}

class OneAccount implements AccountStore {
  #account: AuthorityAccount | undefined;

  async find(): Promise<AuthorityAccount | undefined> {
    return this.#account;
  }

  async insert(account: AuthorityAccount): Promise<AuthorityAccount> {
    this.#account = account;
    return account;
  }

  async saveUrl(account: AuthorityAccount, url: string): Promise<void> {
    this.#account = { ...account, url };
  }

  async reseal(account: AuthorityAccount, sealedKey: Buffer): Promise<void> {
    this.#account = { ...account, sealedKey };
  }

  async remove(): Promise<void> {
    this.#account = undefined;
  }
}
