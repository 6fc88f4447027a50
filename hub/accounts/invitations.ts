// An admin's wish for one more person arrives; a link for that person leaves, once, and whoever opens it first becomes an account (row A-23).

import type { Buffer } from 'node:buffer';
import { randomUUIDv7 } from 'node:crypto';

import type { Audit } from '../audit/audit.ts';
import { AccountError } from './account-error.ts';
import { requireEmail, type NewAccount, type Role } from './account.ts';
import type { Actor } from './caller.ts';
import type { AccountLimits } from './limits.ts';
import type { Entered, SignInVisit } from './login/entry.ts';
import type { SecretDoor } from './login/secret-door.ts';
import type { SignIn } from './login/sign-in.ts';
import { requireProfile, type NewProfile, type ProfileChecks } from './profile.ts';
import { noted } from './noted.ts';
import { hashOf, isSecret, newSecret } from './secret.ts';
import { newAccount } from './setup.ts';

export interface Invitation {
  readonly id: string;
  readonly role: Role;
  /** Whose member the new account becomes. */
  readonly serverId: string | undefined;
  readonly email: string | undefined;
  /** The inviter's account; undefined: made on the host, or the account is gone. */
  readonly invitedBy: string | undefined;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

export interface InvitationStore {
  /** Also forgets what expired. */
  insert(invitation: Invitation, secretHash: Buffer, now: Date): Promise<void>;
  /** Those that can still be used, the youngest first; of one inviter, or of all. */
  list(now: Date, invitedBy?: string): Promise<Invitation[]>;
  find(secretHash: Buffer, now: Date): Promise<Invitation | undefined>;
  /** False: there was none, or it is another's. */
  remove(id: string, invitedBy?: string): Promise<boolean>;
  /**
   * Spends it and makes the account, a member of its server if it names one, or none of it. False: it was spent, withdrawn
   * or has expired.
   * @throws AccountError account.exists
   */
  redeem(id: string, made: NewAccount, now: Date): Promise<boolean>;
}

export interface InvitationWish {
  readonly role: Role;
  readonly serverId?: string | undefined;
  readonly email?: string | undefined;
}

/** Implemented by email/invitation-letters.ts. */
export interface InvitationPost {
  /** False: it has no address, the hub sends no mail, or its inviter has sent enough. Never waits for a mail server. */
  send(
    invitation: Invitation,
    facts: { secret: string; inviter: string | undefined },
  ): Promise<boolean>;
}

/** The secret is shown once. */
export interface Invited {
  readonly invitation: Invitation;
  readonly secret: string;
  readonly isMailed: boolean;
}

interface InvitationsOptions {
  readonly store: InvitationStore;
  readonly letters: InvitationPost;
  readonly checks: ProfileChecks;
  readonly signIn: Pick<SignIn, 'enter'>;
  readonly door: Pick<SecretDoor, 'pass'>;
  readonly limits: AccountLimits;
  readonly audit: Audit;
  readonly now?: () => Date;
}

/** Of one inviter at once: a household, or a club; beyond it somebody runs a script. */
const mostOpen = 100;

export class Invitations {
  readonly #options: InvitationsOptions;
  readonly #now: () => Date;

  constructor(options: InvitationsOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
  }

  /** @throws AccountError account.email | invite.invalid */
  async invite(wish: InvitationWish, by: Actor): Promise<Invited> {
    const { store, limits, letters } = this.#options;
    const now = this.#now();
    const open = by === 'host' ? [] : await store.list(now, by.account.id);
    if (open.length >= mostOpen) {
      throw new AccountError(
        'invite.invalid',
        `${mostOpen} invitations of yours are open: withdraw some of them`,
      );
    }
    const invitation: Invitation = {
      id: randomUUIDv7(),
      role: wish.role,
      serverId: wish.serverId,
      email: wish.email === undefined ? undefined : requireEmail(wish.email),
      invitedBy: by === 'host' ? undefined : by.account.id,
      createdAt: now,
      expiresAt: new Date(now.getTime() + limits.invitationMs),
    };
    const secret = newSecret();
    await store.insert(invitation, hashOf(secret), now);
    const { id: target, role: reason, serverId: server } = invitation;
    const event = 'admin.account-invited';
    this.#options.audit.note({ ...noted(by), event, target, server, reason, result: 'ok' });
    const inviter = by === 'host' ? undefined : by.account.username;
    const isMailed = await letters.send(invitation, { secret, inviter });
    return { invitation, secret, isMailed };
  }

  /** Those that can still be used; of one inviter, or of all. */
  async list(invitedBy?: string): Promise<Invitation[]> {
    return this.#options.store.list(this.#now(), invitedBy);
  }

  /** `only`: nobody else's. @throws AccountError invite.unknown */
  async withdraw(id: string, by: Actor, { only }: { only?: string } = {}): Promise<void> {
    const { store, audit } = this.#options;
    if (!(await store.remove(id, only)))
      throw new AccountError(
        'invite.unknown',
        'there is no such invitation: it was used or withdrawn, or it has expired',
      );
    audit.note({ ...noted(by), event: 'admin.invitation-withdrawn', target: id, result: 'ok' });
  }

  /** What the link is for. @throws AccountError invite.invalid | login.locked */
  async find(secret: string, visit: SignInVisit): Promise<Invitation> {
    return this.#options.door.pass('invitation', visit, async () => this.#find(secret));
  }

  async #find(secret: string): Promise<Invitation> {
    const found = isSecret(secret)
      ? await this.#options.store.find(hashOf(secret), this.#now())
      : undefined;
    if (found === undefined) throw spent();
    return found;
  }

  /**
   * Without a password the login may do nothing but enrol a passkey or set one.
   * @throws AccountError invite.invalid | login.locked | account.exists | account.username | account.email | account.password-weak | account.password-breached
   */
  async redeem(secret: string, wish: NewProfile, visit: SignInVisit): Promise<Entered> {
    const { door, signIn, audit } = this.#options;
    const make = async () => this.#make(secret, wish);
    const { account, passwordHash, invitation } = await door.pass('invitation', visit, make);
    audit.note({
      event: 'admin.account-created',
      actor: { id: account.id, name: account.username },
      address: visit.address,
      target: account.username,
      server: invitation.serverId,
      result: 'ok',
      method: 'invitation',
      reason: account.role,
      requestId: visit.requestId,
    });
    const restriction = passwordHash === undefined ? ('enrol' as const) : undefined;
    return signIn.enter(account, { method: 'invitation', restriction }, visit);
  }

  async #make(
    secret: string,
    wish: NewProfile,
  ): Promise<NewAccount & { readonly invitation: Invitation }> {
    const { store, checks } = this.#options;
    const invitation = await this.#find(secret);
    const profile = await requireProfile(wish, checks);
    const at = this.#now();
    const account = newAccount(profile, { role: invitation.role, at });
    const made = { account, passwordHash: profile.passwordHash };
    if (!(await store.redeem(invitation.id, made, at))) throw spent();
    return { ...made, invitation };
  }
}

function spent(): AccountError {
  return new AccountError(
    'invite.invalid',
    'this invitation was used, withdrawn or is older than seven days: ask for another one',
  );
}
