// What an admin wrote down of a provider arrives, by the API or on the host; it leaves checked, tried and kept, its secret sealed.

import type { Buffer } from 'node:buffer';

import type { Audit } from '../../audit/audit.ts';
import type { KeyRing } from '../../certificates/life/sealing.ts';
import { AccountError } from '../account-error.ts';
import type { Actor } from '../caller.ts';
import { noted } from '../noted.ts';
import { presets, type PresetName } from './presets.ts';
import { requireProvider, sealingContext, type Provider, type ProviderStore } from './provider.ts';
import type { RelyingParty } from './relying-party.ts';

export interface ProvidersOptions {
  readonly store: ProviderStore;
  readonly sealing: Pick<KeyRing, 'seal'>;
  readonly relyingParty: Pick<RelyingParty, 'test' | 'redirectUri'>;
  readonly audit: Audit;
  readonly now?: () => Date;
}

type Settable = Omit<Provider, 'id' | 'sealedSecret' | 'createdAt' | 'answeredAt'>;

/** What is left out, or undefined, stays as it is. */
export type ProviderWish = {
  readonly [Key in keyof Settable]?: Settable[Key] | undefined;
} & {
  /** null takes it away. */
  readonly secret?: string | null | undefined;
};

export type NewProvider = ProviderWish & {
  readonly id: string;
  readonly preset: PresetName;
  readonly issuer: string;
  readonly clientId: string;
};

const maxSecretLength = 1000;

export class Providers {
  readonly #options: ProvidersOptions;
  readonly #now: () => Date;

  constructor(options: ProvidersOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
  }

  async list(): Promise<Provider[]> {
    return this.#options.store.list();
  }

  /** What the sign-in page offers. */
  async offered(): Promise<Pick<Provider, 'id' | 'name'>[]> {
    const all = await this.#options.store.list();
    return all.filter(({ isEnabled }) => isEnabled).map(({ id, name }) => ({ id, name }));
  }

  /** @throws AccountError sso.unknown */
  async require(id: string): Promise<Provider> {
    const provider = await this.#options.store.find(id);
    if (provider !== undefined) return provider;
    throw new AccountError(
      'sso.unknown',
      'there is no identity provider of this id: "phlix-hub sso list" shows those there are',
    );
  }

  /** What to enter at the provider as redirect address. */
  redirectUri(provider: Pick<Provider, 'id'>): string {
    return this.#options.relyingParty.redirectUri(provider);
  }

  /** @throws AccountError sso.settings | sso.exists */
  async add(wish: NewProvider, by: Actor): Promise<Provider> {
    const { id, preset } = wish;
    const { title, scopes, groupsClaim, mfa } = presets[preset] ?? presets.other;
    const plain: Provider = {
      id,
      preset,
      name: title,
      issuer: wish.issuer,
      clientId: wish.clientId,
      sealedSecret: undefined,
      scopes,
      groupsClaim,
      roleMap: { admin: [], owner: [], member: [] },
      mfa,
      linksByEmail: false,
      createsAccounts: false,
      allowPrivate: false,
      allow: [],
      isEnabled: true,
      createdAt: this.#now(),
      answeredAt: undefined,
    };
    const provider = requireProvider(this.#with(plain, wish));
    await this.#options.store.insert(provider);
    this.#note('admin.provider-added', provider, by);
    return provider;
  }

  /** Its issuer stays: another one is another provider, and other people. @throws AccountError sso.settings | sso.unknown */
  async change(id: string, wish: ProviderWish, by: Actor): Promise<Provider> {
    const former = await this.require(id);
    if (wish.issuer !== undefined && wish.issuer !== former.issuer)
      throw new AccountError(
        'sso.settings',
        'the issuer of a provider cannot be changed, since its people are known by it: remove the provider and add another',
      );
    const provider = requireProvider(this.#with(former, wish));
    await this.#options.store.replace(provider);
    this.#note('admin.provider-changed', provider, by);
    return provider;
  }

  /** With its links. @throws AccountError sso.unknown */
  async remove(id: string, by: Actor): Promise<Provider> {
    const provider = await this.require(id);
    await this.#options.store.remove(id);
    this.#note('admin.provider-removed', provider, by);
    return provider;
  }

  /** Reads its documents now. @throws AccountError sso.unknown | sso.unavailable | sso.failed */
  async test(id: string): Promise<Provider> {
    const provider = await this.require(id);
    await this.#options.relyingParty.test(provider);
    return provider;
  }

  #with(former: Provider, { secret, ...wish }: ProviderWish): Provider {
    const given = Object.entries(wish).filter(([, value]) => value !== undefined);
    const { id, preset } = former;
    const changed = { ...former, ...Object.fromEntries(given), id, preset };
    if (secret === undefined) return changed;
    return { ...changed, sealedSecret: this.#sealed(id, secret) };
  }

  #sealed(id: string, secret: string | null): Buffer | undefined {
    if (secret === null) return undefined;
    if (secret.length > 0 && secret.length <= maxSecretLength && !/\p{Cc}/u.test(secret))
      return this.#options.sealing.seal(secret, sealingContext(id));
    throw new AccountError(
      'sso.settings',
      'the client secret is empty, or holds a line break: give it as the provider showed it',
    );
  }

  #note(
    event: 'admin.provider-added' | 'admin.provider-changed' | 'admin.provider-removed',
    { id: target }: Provider,
    by: Actor,
  ): void {
    this.#options.audit.note({ ...noted(by), event, target, result: 'ok' });
  }
}
