// How people's tries end arrives; the counts leave for monitoring: a control that never moves its count is one that nobody calls.

import type { AccountCounts, LoginResult } from '../accounts/noted.ts';
import type { LoginMethod } from '../accounts/login/login.ts';
import type { TokenCounts } from '../accounts/tokens/token-counts.ts';
import { counter, wordCounter, type Metric } from '../../shared/telemetry/metric.ts';

const proof: readonly LoginResult[] = ['ok', 'failed'];
const secret: readonly LoginResult[] = ['ok', 'failed', 'locked'];

/** How tries end by each method: those of a login, the letters whose secret is none, and any second factor while it is shut. */
const endings: Readonly<
  Record<LoginMethod | 'reset-link' | 'verify-link' | 'factor', readonly LoginResult[]>
> = {
  password: ['ok', 'factor', 'failed', 'locked', 'busy'],
  passkey: proof,
  totp: proof,
  recovery: proof,
  email: proof,
  sso: ['ok', 'factor', 'failed'],
  'sso-factor': ['ok'],
  setup: secret,
  invitation: secret,
  'trusted-browser': ['ok'],
  'trusted-network': ['ok'],
  'reset-link': ['failed', 'locked'],
  'verify-link': ['failed', 'locked'],
  factor: ['locked'],
};

export class AccountMetrics implements AccountCounts, TokenCounts {
  readonly #logins = counter(
    'phlix_hub_logins_total',
    'Tries to sign in, by how they ended.',
    ['result', 'method'],
    Object.entries(endings).flatMap(([method, results]) =>
      results.map((result) => ({ result, method })),
    ),
  );
  readonly #ended = counter(
    'phlix_hub_logins_ended_total',
    'Logins that somebody or something ended.',
  );
  readonly #stepUps = wordCounter(
    'phlix_hub_step_ups_total',
    'Further proofs, asked for and given.',
    'result',
    ['asked', 'ok', 'failed'],
  );
  readonly #blocked = counter(
    'phlix_hub_login_blocks_total',
    'Addresses shut out for failed sign-ins.',
  );
  readonly #breaches = wordCounter(
    'phlix_hub_breach_checks_total',
    'Passwords looked up among breached.',
    'result',
    ['clean', 'found', 'unknown'],
  );
  readonly #networks = counter(
    'phlix_hub_login_networks_refused_total',
    "Sign-ins and requests from outside an account's networks.",
  );
  readonly #bearers = wordCounter(
    'phlix_hub_bearers_total',
    'Requests that bore a token.',
    'result',
    ['ok', 'refused', 'locked', 'network'],
  );
  readonly #devices = wordCounter(
    'phlix_hub_devices_total',
    'Devices let in by code, step by step.',
    'step',
    ['opened', 'full', 'approved', 'denied', 'fetched', 'wrong-code'],
  );

  login(result: LoginResult, method: string): void {
    this.#logins.inc({ result, method });
  }

  stepUp(result: 'asked' | 'ok' | 'failed'): void {
    this.#stepUps.count(result);
  }

  blocked(): void {
    this.#blocked.inc();
  }

  loginEnded(): void {
    this.#ended.inc();
  }

  breachCheck(result: 'clean' | 'found' | 'unknown'): void {
    this.#breaches.count(result);
  }

  networkRefused(): void {
    this.#networks.inc();
  }

  bearer(result: Parameters<TokenCounts['bearer']>[0]): void {
    this.#bearers.count(result);
  }

  device(step: Parameters<TokenCounts['device']>[0]): void {
    this.#devices.count(step);
  }

  get metrics(): readonly Metric[] {
    return [
      this.#logins,
      this.#ended,
      this.#stepUps.metric,
      this.#blocked,
      this.#breaches.metric,
      this.#networks,
      this.#bearers.metric,
      this.#devices.metric,
    ];
  }
}
