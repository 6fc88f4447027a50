// What a certificate's life asks of an authority arrives; an ACME server (RFC 8555) answers it: orders, renewal windows, revocations.

import { X509Certificate } from 'node:crypto';

import type { Logger } from '../../../shared/log.ts';
import type { Solver } from '../challenges/solver.ts';
import type { AuthorityStanding } from '../dns/preflight.ts';
import type { AccountStore } from '../life/certificate.ts';
import { type Account, Accounts, type AccountSeal } from './account.ts';
import type {
  Authority,
  AuthorityName,
  AuthorityOrder,
  RenewalInfo,
  RevocationReason,
} from './authority.ts';
import { Conversation, type ExternalAccount } from './conversation.ts';
import { Directories, type Directory } from './directory.ts';
import { Exchange } from './exchange.ts';
import { placeOrder } from './order.ts';
import { type Patience, usualPatience } from './patience.ts';
import { AcmeError } from './problem.ts';
import { inWords } from './refusal.ts';
import { askRenewalInfo } from './renewal-info.ts';
import { clockSkewMs, maxClockSkewMs } from './retry-after.ts';

export interface AcmeAuthorityOptions {
  readonly directoryUrl: string;
  readonly accounts: AccountStore;
  readonly keyRing: AccountSeal;
  /** An e-mail address for the authority's messages. */
  readonly contact: string | undefined;
  readonly agreesToTerms: boolean;
  readonly externalAccount?: ExternalAccount | undefined;
  /** PEM of a private authority's root, trusted beside those of this machine, and for this authority alone. */
  readonly trust?: string | undefined;
  readonly log?: Logger | undefined;
  readonly now?: (() => Date) | undefined;
  readonly patience?: Patience | undefined;
  readonly requestMs?: number | undefined;
}

export class AcmeAuthority implements Authority {
  readonly name: AuthorityName;
  readonly #options: AcmeAuthorityOptions;
  readonly #exchange: Exchange;
  readonly #directories: Directories;
  readonly #accounts: Accounts;
  readonly #now: () => Date;

  /** @throws AcmeError acme.misconfigured */
  constructor(options: AcmeAuthorityOptions) {
    this.name = options.directoryUrl;
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
    this.#exchange = new Exchange(options);
    this.#directories = new Directories(this.#exchange, this.#now);
    this.#accounts = new Accounts({
      authority: this.name,
      exchange: this.#exchange,
      store: options.accounts,
      seal: options.keyRing,
      contact: options.contact,
      agreesToTerms: options.agreesToTerms,
      externalAccount: options.externalAccount,
      now: this.#now,
      onContactRefused: (err) =>
        options.log?.warn({ err, authority: this.name }, 'address for its messages not told'),
    });
  }

  async obtain(order: AuthorityOrder, solver: Solver, signal: AbortSignal): Promise<string> {
    const directory = await this.#directories.read(signal);
    await this.#checkClock(directory, signal);
    const patience = this.#options.patience ?? usualPatience;
    return this.#withAccount(directory, signal, async (conversation) =>
      placeOrder(
        {
          conversation,
          solver,
          patience,
          onLeftover: ({ kind, name: challenge }, err) =>
            this.#options.log?.warn(
              { kind, challenge, err },
              'proof could not be taken away again',
            ),
        },
        order,
      ),
    );
  }

  /** What CAA records know this authority, and the hub's account there, by. @throws AcmeError */
  async standing(signal: AbortSignal): Promise<AuthorityStanding> {
    const { caaIdentities } = await this.#directories.read(signal);
    const account = await this.#options.accounts.find(this.name);
    return { identities: caaIdentities, accountUrl: account?.url };
  }

  async renewalInfo(ariId: string, signal: AbortSignal): Promise<RenewalInfo | undefined> {
    const directory = await this.#directories.read(signal);
    return askRenewalInfo(this.#exchange, directory, ariId, this.#now(), signal);
  }

  async revoke(chain: string, reason: RevocationReason, signal: AbortSignal): Promise<void> {
    if (new X509Certificate(chain).validToDate <= this.#now()) return;
    const directory = await this.#directories.read(signal);
    await this.#withAccount(directory, signal, async (conversation) => {
      const request = { reason: reasonCodes[reason] };
      await conversation.ask((client) => client.revokeCertificate(chain, request)).catch(ifRevoked);
    });
  }

  /** A refused account is replaced, and the work done with the new one; once, as nothing helps one whose new account is refused. */
  async #withAccount<Done>(
    directory: Directory,
    signal: AbortSignal,
    work: (conversation: Conversation) => Promise<Done>,
  ): Promise<Done> {
    const account = await this.#accounts.open(directory, signal);
    try {
      return await work(this.#converse(directory, account, signal));
    } catch (error) {
      if (!(await this.#accounts.forgetIfRefused(account, error, directory, signal))) throw error;
      this.#options.log?.warn({ authority: this.name }, 'account refused, a new one is registered');
      const fresh = await this.#accounts.open(directory, signal);
      return work(this.#converse(directory, fresh, signal));
    }
  }

  #converse(directory: Directory, { key, url }: Account, signal: AbortSignal): Conversation {
    const account = { accountKey: key, accountUrl: url };
    return new Conversation({
      exchange: this.#exchange,
      directory,
      ...account,
      signal,
      now: this.#now,
    });
  }

  /** Before an order is spent on a certificate that begins tomorrow by this clock, or has ended. */
  async #checkClock(directory: Directory, signal: AbortSignal): Promise<void> {
    const { newNonce, host } = directory;
    const { headers } = await this.#exchange.request(newNonce, 'head', undefined, signal);
    const skewMs = clockSkewMs(headers, this.#now()) ?? 0;
    if (Math.abs(skewMs) <= maxClockSkewMs) return;
    const [amount, side] = [inWords(Math.abs(skewMs)), skewMs > 0 ? 'ahead of' : 'behind'];
    throw new AcmeError(
      'acme.clock',
      `The clock of this machine is ${amount} ${side} that of ${host}; set it (timedatectl set-ntp true), and the hub goes on by itself. Nothing was ordered.`,
    );
  }
}

/** RFC 5280 §5.3.1. */
const reasonCodes: Record<RevocationReason, number> = {
  unspecified: 0,
  keyCompromise: 1,
  superseded: 4,
  cessationOfOperation: 5,
};

function ifRevoked(error: unknown): void {
  if (!(error instanceof AcmeError && error.problem?.type === 'alreadyRevoked')) throw error;
}
