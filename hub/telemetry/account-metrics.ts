// How people's tries end arrives; the counts leave for monitoring: a control that never moves its count is one that nobody calls.

import type { AccountCounts, LoginResult } from '../accounts/noted.ts';
import type { TokenCounts } from '../accounts/tokens/token-counts.ts';
import { counter, type Metric } from '../../shared/telemetry/metric.ts';

export class AccountMetrics implements AccountCounts, TokenCounts {
  readonly #logins = counter('phlix_hub_logins_total', 'Tries to sign in, by how they ended.', [
    'result',
    'method',
  ]);
  readonly #ended = counter(
    'phlix_hub_logins_ended_total',
    'Logins that somebody or something ended.',
  );
  readonly #stepUps = counter('phlix_hub_step_ups_total', 'Further proofs, asked for and given.', [
    'result',
  ]);
  readonly #blocked = counter(
    'phlix_hub_login_blocks_total',
    'Addresses shut out for failed sign-ins.',
  );
  readonly #breaches = counter(
    'phlix_hub_breach_checks_total',
    'Passwords looked up among breached.',
    ['result'],
  );
  readonly #networks = counter(
    'phlix_hub_login_networks_refused_total',
    "Sign-ins and requests from outside an account's networks.",
  );
  readonly #bearers = counter('phlix_hub_bearers_total', 'Requests that bore a token.', ['result']);
  readonly #devices = counter('phlix_hub_devices_total', 'Devices let in by code, step by step.', [
    'step',
  ]);

  login(result: LoginResult, method: string): void {
    this.#logins.inc({ result, method });
  }

  stepUp(result: 'asked' | 'ok' | 'failed'): void {
    this.#stepUps.inc({ result });
  }

  blocked(): void {
    this.#blocked.inc();
  }

  loginEnded(): void {
    this.#ended.inc();
  }

  breachCheck(result: 'clean' | 'found' | 'unknown'): void {
    this.#breaches.inc({ result });
  }

  networkRefused(): void {
    this.#networks.inc();
  }

  bearer(result: Parameters<TokenCounts['bearer']>[0]): void {
    this.#bearers.inc({ result });
  }

  device(step: Parameters<TokenCounts['device']>[0]): void {
    this.#devices.inc({ step });
  }

  get metrics(): readonly Metric[] {
    return [
      this.#logins,
      this.#ended,
      this.#stepUps,
      this.#blocked,
      this.#breaches,
      this.#networks,
      this.#bearers,
      this.#devices,
    ];
  }
}
