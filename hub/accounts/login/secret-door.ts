// A secret that somebody was given arrives at a door that asks for no name; it is looked at, and counted as a guess until it has opened something (row A-10).

import type { Audit } from '../../audit/audit.ts';
import { AccountError, type AccountErrorCode } from '../account-error.ts';
import type { AccountCounts } from '../noted.ts';
import { hashOf } from '../secret.ts';
import type { SignInVisit } from './entry.ts';
import type { Admission, Guard } from './guard.ts';
import type { KnownBrowsers } from './known-browsers.ts';

/** By what each door says that a secret is none. */
const refusals = {
  setup: 'setup.token',
  invitation: 'invite.invalid',
  'reset-link': 'account.link',
  'verify-link': 'account.link',
} as const satisfies Record<string, AccountErrorCode>;

type SecretKind = keyof typeof refusals;

interface SecretDoorOptions {
  readonly guard: Pick<Guard, 'admit'>;
  readonly browsers: Pick<KnownBrowsers, 'isSomebodys'>;
  readonly audit: Audit;
  readonly counts: Pick<AccountCounts, 'login'>;
}

export class SecretDoor {
  readonly #options: SecretDoorOptions;

  constructor(options: SecretDoorOptions) {
    this.#options = options;
  }

  /**
   * `look` throws its door's refusal for a secret that is none. What else it throws (a weak password) is no guess.
   * @throws AccountError login.locked, and what `look` throws
   */
  async pass<Result>(
    kind: SecretKind,
    visit: SignInVisit,
    look: () => Promise<Result>,
  ): Promise<Result> {
    const admission = await this.#admit(kind, visit);
    try {
      const result = await look();
      await admission.succeed();
      return result;
    } catch (error) {
      const isWrong = error instanceof AccountError && error.code === refusals[kind];
      if (isWrong) this.#failed(kind, visit, admission);
      else await admission.release();
      throw error;
    }
  }

  /** Counted as the failures of a sign-in are, since whoever is refused there may not go on here. */
  async #admit(kind: SecretKind, visit: SignInVisit): Promise<Admission> {
    const { guard, browsers, audit, counts } = this.#options;
    const { browser } = visit;
    // Neighbours who guess keep nobody from a link that was mailed to him.
    const isKnown = browser !== undefined && (await browsers.isSomebodys(browser));
    const browserId = isKnown ? hashOf(browser).toString('base64url') : undefined;
    const attempt = { visit, stage: 'password', subject: undefined, browserId } as const;
    return guard.admit(attempt).catch((error: unknown) => {
      counts.login('locked', kind);
      audit.note({ ...seen(kind, visit), event: 'login.locked', result: 'denied' });
      throw error;
    });
  }

  #failed(kind: SecretKind, visit: SignInVisit, admission: Admission): void {
    const { audit, counts } = this.#options;
    admission.fail();
    counts.login('failed', kind);
    audit.note({ ...seen(kind, visit), event: 'login.failed', result: 'failed', reason: kind });
  }
}

function seen(method: SecretKind, { address, requestId }: SignInVisit) {
  return { method, address, requestId };
}
