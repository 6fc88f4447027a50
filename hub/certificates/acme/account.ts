// An authority's directory arrives; the hub's account there leaves: registered once, shared by all processes, its key sealed at rest.

import type { Buffer } from 'node:buffer';
import { generateKeyPairSync } from 'node:crypto';

import type { Client } from 'acme-client';

import type { AccountStore, AuthorityAccount } from '../life/certificate.ts';
import type { AuthorityName } from './authority.ts';
import { Conversation, type ExternalAccount } from './conversation.ts';
import type { Directory } from './directory.ts';
import type { Exchange } from './exchange.ts';
import { AcmeError } from './problem.ts';

/** What seals the account's key: sealing.ts in the hub. */
export interface AccountSeal {
  seal(text: string, context: string): Buffer;
  open(sealed: Buffer, context: string): string;
  /** False: by a secret that is on its way out. */
  isCurrent(sealed: Buffer): boolean;
}

export interface AccountsOptions {
  readonly authority: AuthorityName;
  readonly exchange: Exchange;
  readonly store: AccountStore;
  readonly seal: AccountSeal;
  /** An e-mail address. */
  readonly contact: string | undefined;
  readonly agreesToTerms: boolean;
  readonly externalAccount: ExternalAccount | undefined;
  readonly now: () => Date;
  /** Orders go on without it. */
  readonly onContactRefused: (error: unknown) => void;
}

/** An account that may place orders. */
export interface Account {
  readonly stored: AuthorityAccount;
  /** PEM. */
  readonly key: string;
  readonly url: string;
}

export class Accounts {
  readonly #options: AccountsOptions;
  /** Since this process began: settings change with a start. */
  #isContactTold = false;

  constructor(options: AccountsOptions) {
    this.#options = options;
  }

  /**
   * The key is stored before the authority hears of it: whoever dies in between leaves no account behind whose key is
   * lost, and the next attempt registers the same key, for which the authority answers with the same account.
   * @throws AcmeError, or whatever the store and the seal throw
   */
  async open(directory: Directory, signal: AbortSignal): Promise<Account> {
    const { store, seal, authority } = this.#options;
    const found = (await store.find(authority)) ?? (await this.#insert());
    const stored = await withCurrentSeal(found, { store, seal });
    const key = seal.open(stored.sealedKey, authority);
    if (stored.url !== undefined) {
      const account = { stored, key, url: stored.url };
      await this.#tellContact(account, directory, signal);
      return account;
    }
    const url = await this.#register(directory, key, signal);
    this.#isContactTold = true;
    await store.saveUrl(stored, url);
    return { stored: { ...stored, url }, key, url };
  }

  /**
   * True once the account that `error` was answered to is no longer one: deactivated, revoked, or unknown to an authority
   * that lost its memory. Its key is then forgotten, and `open` registers a new one. A mere "unauthorized" may also be about
   * an order or a name, so the authority is asked.
   */
  async forgetIfRefused(
    account: Account,
    error: unknown,
    directory: Directory,
    signal: AbortSignal,
  ): Promise<boolean> {
    const type = error instanceof AcmeError ? error.problem?.type : undefined;
    if (type !== 'accountDoesNotExist' && type !== 'unauthorized') return false;
    if (type === 'unauthorized' && (await this.#isValid(account, directory, signal))) return false;
    await this.#options.store.remove(account.stored);
    return true;
  }

  /** Once, and only where the authority has another address, or none that it shows. */
  async #tellContact(account: Account, directory: Directory, signal: AbortSignal): Promise<void> {
    if (this.#isContactTold) return;
    this.#isContactTold = true;
    const conversation = this.#converse(directory, account.key, account.url, signal);
    const contact = contactsOf(this.#options.contact);
    try {
      const known = await conversation.ask((client) => client.updateAccount({}));
      if (JSON.stringify(known.contact ?? []) === JSON.stringify(contact)) return;
      await conversation.ask((client) => client.updateAccount({ contact }));
    } catch (error) {
      signal.throwIfAborted();
      this.#isContactTold = error instanceof AcmeError && error.kind === 'fix';
      this.#options.onContactRefused(error);
    }
  }

  async #insert(): Promise<AuthorityAccount> {
    const { store, seal, authority } = this.#options;
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const key = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
    return store.insert({ authority, sealedKey: seal.seal(key, authority), url: undefined });
  }

  async #register(directory: Directory, key: string, signal: AbortSignal): Promise<string> {
    this.#refuseUnprepared(directory);
    const { contact, agreesToTerms, exchange } = this.#options;
    const conversation = this.#converse(directory, key, undefined, signal);
    try {
      return await conversation.ask(async (client) => {
        const wish = {
          ...(agreesToTerms ? { termsOfServiceAgreed: true } : {}),
          ...(contact === undefined ? {} : { contact: contactsOf(contact) }),
        };
        // Two orders at once register one key twice. Told that the account exists, the library goes on to change it to the same
        // wish, and authorities may refuse that: the account is there all the same.
        await client.createAccount(wish).catch((error: unknown) => {
          if (!isRegistered(client)) throw error;
        });
        const url = client.getAccountUrl();
        if (exchange.isOfAuthority(url)) return url;
        throw conversation.badAnswer('an account on another host');
      });
    } catch (error) {
      throw this.#registrationFailure(directory, error);
    }
  }

  /** Said before anything is sent, in words that an authority does not have. */
  #refuseUnprepared({ host, termsOfService, requiresExternalAccount }: Directory): void {
    const { agreesToTerms, externalAccount } = this.#options;
    if (termsOfService !== undefined && !agreesToTerms) {
      throw new AcmeError(
        'acme.terms',
        `${host} makes certificates only for those who agree to its terms: read ${termsOfService}, then set HUB_ACME_AGREE_TERMS=1.`,
      );
    }
    if (requiresExternalAccount && externalAccount === undefined) {
      throw new AcmeError(
        'acme.account-binding',
        `${host} makes certificates for its customers only: get a key id and an HMAC key (external account binding) from its website, and set HUB_ACME_EAB_KID and HUB_ACME_EAB_HMAC_KEY.`,
      );
    }
  }

  /** Which of the two keys an authority does not know, it says in as many ways as there are authorities. */
  #registrationFailure({ host }: Directory, error: unknown): unknown {
    const isAboutKeys =
      error instanceof AcmeError &&
      ['unauthorized', 'malformed', 'externalAccountRequired'].includes(error.problem?.type ?? '');
    if (!isAboutKeys || this.#options.externalAccount === undefined) return error;
    const said = error.problem?.detail ?? '';
    return new AcmeError(
      'acme.account-binding',
      `${host} does not accept the external account binding: "${said}". Compare HUB_ACME_EAB_KID and HUB_ACME_EAB_HMAC_KEY (base64url) with its website; some authorities take each pair once.`,
      { cause: error, problem: error.problem },
    );
  }

  async #isValid(account: Account, directory: Directory, signal: AbortSignal): Promise<boolean> {
    const conversation = this.#converse(directory, account.key, account.url, signal);
    try {
      // Without changes it is a POST-as-GET of the account (RFC 8555 §7.3.2).
      const { status } = await conversation.ask((client) => client.updateAccount({}));
      return status === 'valid';
    } catch (error) {
      signal.throwIfAborted();
      const type = error instanceof AcmeError ? error.problem?.type : undefined;
      // An authority that does not answer now has not refused it; what it said first is what counts.
      return type !== 'accountDoesNotExist' && type !== 'unauthorized';
    }
  }

  #converse(
    directory: Directory,
    accountKey: string,
    accountUrl: string | undefined,
    signal: AbortSignal,
  ): Conversation {
    const { exchange, externalAccount, now } = this.#options;
    const account = { accountKey, accountUrl, externalAccount };
    return new Conversation({ exchange, directory, ...account, signal, now });
  }
}

function contactsOf(contact: string | undefined): string[] {
  return contact === undefined ? [] : [`mailto:${contact}`];
}

/**
 * An account lives for years, and nothing else seals its key again: a former secret could never be taken out of the settings.
 * @throws what the seal throws for a key that it cannot open, and what the store throws
 */
export async function withCurrentSeal(
  account: AuthorityAccount,
  { store, seal }: Pick<AccountsOptions, 'store' | 'seal'>,
): Promise<AuthorityAccount> {
  const { authority, sealedKey } = account;
  if (seal.isCurrent(sealedKey)) return account;
  await store.reseal(account, seal.seal(seal.open(sealedKey, authority), authority));
  // Another process may have been first, with other bytes.
  return (await store.find(authority)) ?? account;
}

function isRegistered(client: Client): boolean {
  try {
    return client.getAccountUrl() !== '';
  } catch {
    return false;
  }
}
