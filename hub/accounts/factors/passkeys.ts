// What an authenticator signed arrives (WebAuthn Level 3); whose passkey it is leaves, or a new passkey that an account keeps.

import type { Buffer } from 'node:buffer';
import { randomBytes, randomUUIDv7 } from 'node:crypto';

import { AccountError } from '../account-error.ts';
import { hashOf } from '../secret.ts';
import type { Doer, FactorNews } from './factor-news.ts';
import { factorLimits } from './limits.ts';
import {
  accountHandle,
  keyAlgorithms,
  readAssertion,
  readRegistration,
  verifyAssertion,
  verifyRegistration,
  type PasskeyKey,
  type RelyingParty,
} from './passkey-proof.ts';
import { lastFactor } from './totp.ts';

/** JSON of PublicKeyCredential, as the browser's toJSON() makes it: hostile until it is verified. */
export type AuthenticationResponse = Readonly<Record<string, unknown>>;
export type RegistrationResponse = Readonly<Record<string, unknown>>;
/** JSON for PublicKeyCredential.parseRequestOptionsFromJSON(). */
export interface PasskeyQuestion {
  readonly challenge: string;
}
/** JSON for PublicKeyCredential.parseCreationOptionsFromJSON(). */
export interface PasskeyOffer {
  readonly challenge: string;
}

export interface Passkey {
  readonly id: string;
  readonly accountId: string;
  readonly name: string;
  /** Kept by a provider that may copy it to other devices, and whether it has done so. */
  readonly isBackupEligible: boolean;
  readonly isBackedUp: boolean;
  readonly createdAt: Date;
  readonly lastUsedAt: Date | undefined;
}

export interface StoredPasskey extends Passkey, PasskeyKey {}

export interface PasskeyChallenge {
  /** The SHA-256 of what was asked, base64url: whoever reads a copy of the database can put no answer together. */
  readonly challenge: string;
  readonly purpose: 'register' | 'prove';
  readonly binding: string;
  /** Undefined: any account may answer. */
  readonly accountId: string | undefined;
  readonly expiresAt: Date;
}

export interface PasskeyStore {
  list(accountId: string): Promise<readonly StoredPasskey[]>;
  findByCredential(credentialId: Buffer): Promise<StoredPasskey | undefined>;
  /**
   * `full`: the account has `limit` already; `known`: somebody has this credential; `late`: its factors were taken away
   * after `askedAt`. Otherwise what waited for an enrolment is over.
   */
  insert(
    passkey: StoredPasskey,
    bounds: { readonly limit: number; readonly askedAt: Date },
  ): Promise<'inserted' | 'full' | 'known' | 'late'>;
  rename(accountId: string, id: string, name: string): Promise<StoredPasskey | undefined>;
  /** `last`: neither another passkey nor an authenticator app would be left, and nothing was removed. */
  remove(accountId: string, id: string): Promise<'removed' | 'unknown' | 'last'>;
  /** Compare-and-set, over all processes. False: the counter had been there before, so there are two of this key. */
  use(
    id: string,
    seen: { readonly counter: number; readonly isBackedUp: boolean; readonly at: Date },
  ): Promise<boolean>;
  /** `perBinding`: the oldest beyond it are given up. */
  putChallenge(challenge: PasskeyChallenge, perBinding: number): Promise<void>;
  /** Removed by this call: for one caller only. */
  takeChallenge(challenge: string): Promise<PasskeyChallenge | undefined>;
}

export interface PasskeysOptions {
  readonly store: PasskeyStore;
  readonly news: FactorNews;
  /** From the settings, never from a request: the hub's own host and origin. Asked each time, since a trial's port is known late. */
  readonly relyingParty: () => RelyingParty;
  readonly now?: () => Date;
}

export class Passkeys {
  readonly #options: PasskeysOptions;
  readonly #now: () => Date;

  constructor(options: PasskeysOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
  }

  async list(accountId: string): Promise<readonly Passkey[]> {
    return this.#options.store.list(accountId);
  }

  /** `binding`: the login's id. @throws AccountError passkey.limit */
  async offer(
    account: { readonly id: string; readonly username: string },
    binding: string,
  ): Promise<PasskeyOffer> {
    const held = await this.#options.store.list(account.id);
    if (held.length >= factorLimits.passkeys) throw tooMany();
    const { id: rpID, name: rpName } = this.#options.relyingParty();
    const { generateRegistrationOptions } = await import('@simplewebauthn/server');
    return generateRegistrationOptions({
      rpName,
      rpID,
      userName: account.username,
      userDisplayName: account.username,
      userID: new Uint8Array(accountHandle(account.id)),
      challenge: await this.#challenge('register', binding, account.id),
      timeout: factorLimits.challengeLifeMs,
      attestationType: 'none',
      supportedAlgorithmIDs: [...keyAlgorithms],
      excludeCredentials: held.map(descriptorOf),
      // Discoverable, so that nobody is asked for a name; verified, so that it counts as two factors.
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    });
  }

  /** @throws AccountError passkey.refused | passkey.limit */
  async register(
    accountId: string,
    response: RegistrationResponse,
    options: { readonly binding: string; readonly name: string; readonly doer: Doer },
  ): Promise<Passkey> {
    const { store, news, relyingParty } = this.#options;
    const read = readRegistration(response);
    if (read === undefined) throw refused();
    const { binding } = options;
    const asked = await this.#take(read.challenge, { purpose: 'register', binding, accountId });
    const verified = asked && (await verifyRegistration(read, relyingParty()));
    if (asked === undefined || verified === undefined) throw refused();
    const passkey: StoredPasskey = {
      ...verified,
      id: randomUUIDv7(),
      accountId,
      name: passkeyName(options.name),
      createdAt: this.#now(),
      lastUsedAt: undefined,
    };
    const askedAt = new Date(asked.expiresAt.getTime() - factorLimits.challengeLifeMs);
    const outcome = await store.insert(passkey, { limit: factorLimits.passkeys, askedAt });
    if (outcome === 'full') throw tooMany();
    if (outcome !== 'inserted') throw refused();
    news.added(accountId, 'passkey', options.doer);
    return passkey;
  }

  /** @throws AccountError passkey.unknown */
  async rename(accountId: string, id: string, name: string): Promise<Passkey> {
    const renamed = await this.#options.store.rename(accountId, id, passkeyName(name));
    if (renamed === undefined) throw unknownPasskey();
    return renamed;
  }

  /** @throws AccountError passkey.unknown | mfa.last-factor */
  async remove(accountId: string, id: string, doer: Doer): Promise<void> {
    const outcome = await this.#options.store.remove(accountId, id);
    if (outcome === 'last') throw lastFactor();
    if (outcome === 'unknown') throw unknownPasskey();
    this.#options.news.removed(accountId, 'passkey', doer);
  }

  /** Without an account any passkey of this hub may answer, so that nobody learns who has one. */
  async ask(binding: string, accountId?: string): Promise<PasskeyQuestion> {
    const held = accountId === undefined ? [] : await this.#options.store.list(accountId);
    const { generateAuthenticationOptions } = await import('@simplewebauthn/server');
    return generateAuthenticationOptions({
      rpID: this.#options.relyingParty().id,
      challenge: await this.#challenge('prove', binding, accountId),
      timeout: factorLimits.challengeLifeMs,
      userVerification: 'required',
      ...(accountId === undefined ? {} : { allowCredentials: held.map(descriptorOf) }),
    });
  }

  /** The account whose passkey answered; with `accountId` only that one's. Undefined for whatever does not fit. */
  async identify(
    response: AuthenticationResponse,
    { binding, accountId }: { readonly binding: string; readonly accountId?: string },
  ): Promise<string | undefined> {
    const read = readAssertion(response);
    if (read === undefined) return undefined;
    // First of all: an answer that fails for any reason has used its challenge up.
    const asked = { purpose: 'prove', binding, accountId } as const;
    if ((await this.#take(read.challenge, asked)) === undefined) return undefined;
    const { store, news, relyingParty } = this.#options;
    const passkey = await store.findByCredential(read.credentialId);
    if (passkey === undefined) return undefined;
    if (accountId !== undefined && passkey.accountId !== accountId) return undefined;
    const seen = await verifyAssertion(read, passkey, relyingParty());
    if (seen === undefined) return undefined;
    if (await store.use(passkey.id, { ...seen, at: this.#now() })) return passkey.accountId;
    news.cloned(passkey.accountId, passkey.name);
    return undefined;
  }

  async #challenge(
    purpose: PasskeyChallenge['purpose'],
    binding: string,
    accountId: string | undefined,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = randomBytes(challengeBytes);
    const challenge = hashOf(bytes.toString('base64url')).toString('base64url');
    const expiresAt = new Date(this.#now().getTime() + factorLimits.challengeLifeMs);
    const { store } = this.#options;
    await store.putChallenge(
      { challenge, purpose, binding, accountId, expiresAt },
      factorLimits.challengesPerBinding,
    );
    return new Uint8Array(bytes);
  }

  /** Undefined: never asked, asked for something else, answered before, or too late. */
  async #take(
    answered: string,
    by: Pick<PasskeyChallenge, 'purpose' | 'binding' | 'accountId'>,
  ): Promise<PasskeyChallenge | undefined> {
    const challenge = hashOf(answered).toString('base64url');
    const asked = await this.#options.store.takeChallenge(challenge);
    const fits =
      asked !== undefined &&
      asked.expiresAt > this.#now() &&
      asked.purpose === by.purpose &&
      asked.binding === by.binding &&
      asked.accountId === by.accountId;
    return fits ? asked : undefined;
  }
}

/** WebAuthn Level 3 §13.4.3 wants 16 at least. */
const challengeBytes = 32;

function descriptorOf({ credentialId, transports }: StoredPasskey) {
  return { id: credentialId.toString('base64url'), transports: [...transports] };
}

/** What people call it, in one line; without a name it is called what it is. */
function passkeyName(text: string): string {
  const name = text
    .normalize('NFKC')
    .replace(/[\p{C}\s]+/gu, ' ')
    .trim();
  return Array.from(name).slice(0, factorLimits.passkeyNameLength).join('') || 'Passkey';
}

function refused(): AccountError {
  return new AccountError(
    'passkey.refused',
    'this passkey was not accepted: begin again, and let the browser ask for your fingerprint, face or PIN',
  );
}

function tooMany(): AccountError {
  return new AccountError(
    'passkey.limit',
    `an account has ${factorLimits.passkeys} passkeys at most: remove one that you do not use any more`,
  );
}

function unknownPasskey(): AccountError {
  return new AccountError('passkey.unknown', 'this account has no such passkey');
}
