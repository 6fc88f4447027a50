// Codes of an authenticator app arrive (RFC 6238); whether one is the account's, and has not been used, leaves.

import type { Buffer } from 'node:buffer';
import { randomUUIDv7 } from 'node:crypto';

import { AccountError } from '../account-error.ts';
import type { Doer, FactorNews } from './factor-news.ts';
import { factorLimits } from './limits.ts';
import type { Sealing } from './sealing.ts';
import { newTotpSecret, qrOf, requireCode, stepOf, totpUri } from './totp-code.ts';

export interface TotpEnrolment {
  readonly id: string;
  /** Base32, for whoever cannot scan. Shown once. */
  readonly secret: string;
  readonly uri: string;
  /** An SVG image made here: no other server sees the secret. */
  readonly qr: string;
}

export interface TotpState {
  readonly id: string;
  readonly createdAt: Date;
  readonly confirmedAt: Date;
}

export interface TotpSecret {
  readonly id: string;
  readonly accountId: string;
  readonly sealedSecret: Buffer;
  /** The last step of 30 s whose code was taken. */
  readonly lastStep: number | undefined;
  readonly createdAt: Date;
  /** Undefined: pending. */
  readonly confirmedAt: Date | undefined;
}

export interface TotpStore {
  find(accountId: string, state: 'active' | 'pending'): Promise<TotpSecret | undefined>;
  /** In the place of whatever was pending. */
  putPending(secret: TotpSecret): Promise<void>;
  /**
   * The pending one takes the active one's place, and whatever locked the account or waited for an enrolment is over.
   * False: it is not pending any more.
   */
  activate(pending: TotpSecret, step: number, at: Date): Promise<boolean>;
  /** Compare-and-set, over all processes. False: this step or a later one was taken. */
  advance(id: string, step: number): Promise<boolean>;
  /** Active and pending. `last`: no passkey would be left, and nothing was removed. */
  remove(accountId: string): Promise<'removed' | 'unknown' | 'last'>;
}

export interface TotpOptions {
  readonly store: TotpStore;
  readonly sealing: Sealing;
  readonly news: FactorNews;
  /** What authenticator apps list it under. */
  readonly issuer: string;
  /** Steps of 30 s that a clock may be wrong by, either way. */
  readonly window: number;
  readonly now?: () => Date;
}

export class Totp {
  readonly #options: TotpOptions;
  readonly #now: () => Date;

  constructor(options: TotpOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
  }

  async find(accountId: string): Promise<TotpState | undefined> {
    const active = await this.#options.store.find(accountId, 'active');
    if (active?.confirmedAt === undefined) return undefined;
    const { id, createdAt, confirmedAt } = active;
    return { id, createdAt, confirmedAt };
  }

  /** A new secret that counts once a code confirms it; until then the former one goes on. */
  async start(account: { readonly id: string; readonly username: string }): Promise<TotpEnrolment> {
    const { store, sealing, issuer } = this.#options;
    const id = randomUUIDv7();
    const secret = newTotpSecret();
    const uri = totpUri(secret, { issuer, label: account.username });
    await store.putPending({
      id,
      accountId: account.id,
      sealedSecret: sealing.seal(secret, totpContext(account.id, id)),
      lastStep: undefined,
      createdAt: this.#now(),
      confirmedAt: undefined,
    });
    return { id, secret, uri, qr: await qrOf(uri) };
  }

  /** @throws AccountError mfa.malformed | mfa.not-started | mfa.refused */
  async confirm(accountId: string, code: string, doer: Doer): Promise<TotpState> {
    requireCode(code);
    const at = this.#now();
    const { store, news } = this.#options;
    const pending = await store.find(accountId, 'pending');
    if (pending === undefined || isTooOld(pending, at)) throw notStarted();
    const step = this.#stepOf(pending, code);
    if (step === undefined) {
      throw new AccountError(
        'mfa.refused',
        'this code does not fit: scan the QR code that is shown now, and check that the clock of your phone is right',
      );
    }
    if (!(await store.activate(pending, step, at))) throw notStarted();
    news.added(accountId, 'totp', doer);
    return { id: pending.id, createdAt: pending.createdAt, confirmedAt: at };
  }

  /** @throws AccountError mfa.unknown | mfa.last-factor */
  async remove(accountId: string, doer: Doer): Promise<void> {
    const outcome = await this.#options.store.remove(accountId);
    if (outcome === 'last') throw lastFactor();
    if (outcome === 'unknown') {
      throw new AccountError('mfa.unknown', 'this account has no authenticator app');
    }
    this.#options.news.removed(accountId, 'totp', doer);
  }

  /** @throws AccountError mfa.malformed */
  async check(accountId: string, code: string): Promise<boolean> {
    requireCode(code);
    const { store } = this.#options;
    const active = await store.find(accountId, 'active');
    if (active === undefined) return false;
    const step = this.#stepOf(active, code);
    return step !== undefined && (await store.advance(active.id, step));
  }

  #stepOf(row: TotpSecret, code: string): number | undefined {
    const { sealing, news, window } = this.#options;
    let secret: string;
    try {
      secret = sealing.open(row.sealedSecret, totpContext(row.accountId, row.id));
    } catch {
      news.unreadable(row.accountId, 'totp');
      return undefined;
    }
    return stepOf({ secret, code, window, now: this.#now(), lastStep: row.lastStep });
  }
}

/** A sealed secret opens in its own row of its own account only. */
export function totpContext(accountId: string, id: string): string {
  return `totp/${accountId}/${id}/v1`;
}

/** Enrol another one first: without any, a password would stand alone that was chosen to stand beside a factor. */
export function lastFactor(): AccountError {
  return new AccountError(
    'mfa.last-factor',
    'this is the last thing that proves who you are beside the password: add another passkey or authenticator app first, then remove this one',
  );
}

function notStarted(): AccountError {
  return new AccountError(
    'mfa.not-started',
    'no authenticator app is being added, or it took too long: begin again with a new QR code',
  );
}

function isTooOld({ createdAt }: TotpSecret, now: Date): boolean {
  return now.getTime() - createdAt.getTime() > factorLimits.totpPendingMs;
}
